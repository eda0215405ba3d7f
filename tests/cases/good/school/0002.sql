INSERT INTO marks VALUES (1, 'art', '2024-02-02', 1.75);
