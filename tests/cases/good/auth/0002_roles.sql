INSERT INTO roles VALUES ('admin', '{all}'), ('editor', '{read,write}');
INSERT INTO user_roles VALUES ('22222222-2222-2222-2222-222222222222', 'editor');
