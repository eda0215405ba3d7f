INSERT INTO stays (room, arrival, departure, guests) VALUES (102, '2025-01-01', '2025-01-03', '{Dan}');
