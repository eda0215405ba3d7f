INSERT INTO tickets (subject, state, cc) VALUES ('Keyboard', 'waiting', '{c@z}');
