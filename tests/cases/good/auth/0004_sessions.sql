INSERT INTO sessions (token_hash, user_id, ip) VALUES (sha256('x'), '11111111-1111-1111-1111-111111111111', '::1');
