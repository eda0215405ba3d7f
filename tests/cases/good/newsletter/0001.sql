INSERT INTO subscribers (email, confirmed, settings) VALUES (' A@B.C ', 'Y', 'lang=de;weekly=1'), ('x@y.z', 'N', NULL), ('q@q.q', 'y', 'broken');
