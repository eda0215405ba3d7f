UPDATE documents SET summary = 'short' WHERE id = 1;
