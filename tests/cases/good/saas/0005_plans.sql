INSERT INTO plans (name, seats) VALUES ('pro', '[1,10]');
UPDATE tenants SET plan = 'pro' WHERE subdomain = 'acme';
