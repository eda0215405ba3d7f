INSERT INTO tasks (tenant_id, project_id, title, priority) VALUES ('aaaaaaaa-0000-4000-8000-000000000000', 1, 'urgent', 'high');
