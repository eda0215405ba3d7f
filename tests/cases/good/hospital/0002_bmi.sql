INSERT INTO "Patients" ("Name", "Blood", "select") VALUES ('x', '0-', 30);
