INSERT INTO locales (tag, fallback) VALUES ('en', NULL), ('en-GB', 'en');
INSERT INTO locales VALUES ('ar', NULL, 'rtl');
