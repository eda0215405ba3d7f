INSERT INTO "Audit Log" ("After", "Changed", "Operation") VALUES ('{"x": true}', '{x}', 'I');
