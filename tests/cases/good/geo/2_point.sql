INSERT INTO places (name, position) VALUES ('Null Island', '(0,0)');
SELECT name FROM places ORDER BY position <-> point '(13,52)' LIMIT 1;
