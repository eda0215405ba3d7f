INSERT INTO photos (sha1, taken, flash) VALUES (sha224('\x00'), '2021-05-05 05:05:05', true);
