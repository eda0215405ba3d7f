SELECT count(*) FROM messages WHERE mentions @> ARRAY['ada'];
INSERT INTO messages (room_id, user_id, body, mentions) VALUES (2, 1, 'hey', '{bob,dora}');
