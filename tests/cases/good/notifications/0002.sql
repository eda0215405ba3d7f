INSERT INTO notifications (recipient, type, "table") VALUES ('u3', 'follow', 'x');
