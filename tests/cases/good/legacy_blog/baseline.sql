CREATE TABLE blog_post (id integer PRIMARY KEY, headline varchar(255) NOT NULL, pub_date date, body_text text NOT NULL, n_comments integer NOT NULL);
INSERT INTO blog_post VALUES (1, 'First', '2009-08-01', 'Hello', 2), (2, '', NULL, '', 0);
