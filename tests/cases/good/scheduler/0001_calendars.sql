INSERT INTO rooms (name, capacity) VALUES ('Aquarium', 8), ('Broom cupboard', NULL);
INSERT INTO bookings (room_id, day, start_time, end_time) VALUES (1, '2024-03-30', '09:00', '10:30'), (1, '2024-03-31', '01:30', '03:30'), (2, '2024-12-24', '14:00', '23:59:59');
