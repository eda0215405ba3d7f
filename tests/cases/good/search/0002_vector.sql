SELECT id, ts_rank_cd(terms, q) FROM documents, websearch_to_tsquery('english', 'fox or cafe') AS q WHERE terms @@ q ORDER BY 2 DESC;
INSERT INTO documents (title, content, terms) VALUES ('New', 'thing', to_tsvector('simple', 'thing'));
