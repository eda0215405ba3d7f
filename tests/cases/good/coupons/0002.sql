INSERT INTO coupons (code, value, kind) VALUES ('HALF', 50, 'percent');
UPDATE coupons SET uses_left = uses_left - 1 WHERE code = 'FIVER' AND coalesce(uses_left, 1) > 0;
