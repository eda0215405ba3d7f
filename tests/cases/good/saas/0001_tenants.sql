INSERT INTO tenants (id, subdomain) VALUES ('aaaaaaaa-0000-4000-8000-000000000000', 'acme'), ('bbbbbbbb-0000-4000-8000-000000000000', 'globex');
INSERT INTO projects (tenant_id, name, archived) SELECT id, 'First of ' || subdomain, NULL FROM tenants;
INSERT INTO tasks (tenant_id, project_id, title, priority) SELECT tenant_id, id, 'do it', (ARRAY['low', 'HIGH', NULL])[id] FROM projects;
