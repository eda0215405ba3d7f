INSERT INTO threads (title, is_pinned) VALUES ('Announcement', TRUE);
