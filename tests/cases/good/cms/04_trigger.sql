UPDATE pages SET body = 'Hi' WHERE path = '/';
SELECT * FROM revisions;
