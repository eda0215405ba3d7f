INSERT INTO customers ("KDNR", name) VALUES ('00000003', 'A name that is longer than forty characters, surely');
