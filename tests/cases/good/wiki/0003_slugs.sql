INSERT INTO page (slug) VALUES ('New_Page');
