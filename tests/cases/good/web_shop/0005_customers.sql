INSERT INTO customers (email) VALUES ('new@example.org') ON CONFLICT (email) DO NOTHING;
