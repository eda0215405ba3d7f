INSERT INTO members (channel_id, user_id, role) VALUES (3, 4, 'owner');
