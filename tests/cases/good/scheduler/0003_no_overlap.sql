INSERT INTO rooms (name) VALUES ('Roof');
