INSERT INTO endpoints (id, url, headers) VALUES ('00000000-0000-0000-0000-000000000001', 'https://example.org/hook?a=1', '{"X-Key": "1"}');
INSERT INTO deliveries (endpoint_id, status, tries) VALUES ('00000000-0000-0000-0000-000000000001', '200 OK', '[{"ms": 12}, {"ms": 30.5}]'), ('00000000-0000-0000-0000-000000000001', NULL, '[]');
