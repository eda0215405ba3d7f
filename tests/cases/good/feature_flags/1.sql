INSERT INTO flags VALUES ('dark-mode', true, NULL), ('beta', false, 20), ('old', false, NULL);
