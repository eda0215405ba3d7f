INSERT INTO answers (respondent, question, answer, answered) VALUES (11, 1, 'x', true);
