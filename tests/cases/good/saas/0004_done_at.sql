UPDATE tasks SET done_at = '2024-01-01' WHERE title = 'urgent';
