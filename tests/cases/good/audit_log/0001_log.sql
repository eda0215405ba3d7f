INSERT INTO "Audit Log" ("Before", "After") VALUES (NULL, '{"a": 1}'), ('{"a": 1}', '{"a": 2, "b": null}'), ('{}', NULL);
