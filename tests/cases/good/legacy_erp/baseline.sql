CREATE TABLE "KUNDEN" ("KDNR" char(8) PRIMARY KEY, "NAME1" varchar(40) NOT NULL, "UMSATZ" numeric(15,2), "GESPERRT" char(1) NOT NULL);
INSERT INTO "KUNDEN" VALUES ('00000001', 'Müller & Söhne', 12.5, 'X'), ('00000002', 'Maier', NULL, ' ');
