INSERT INTO "Patients" ("Name", "Blood", "Weight (kg)", "Height (cm)") VALUES ('Doe, John', 'AB-', 80.5, 180), ('O''Hara', NULL, NULL, NULL);
