INSERT INTO rooms VALUES (101, 'single', 80), (102, DEFAULT, 120.5);
INSERT INTO stays (room, arrival, nights, guests) VALUES (101, '2024-06-01', 3, '{Ann}'), (102, '2024-06-02', 1, '{Bob,Carol}');
