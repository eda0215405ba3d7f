INSERT INTO answers (respondent, question_number, answered) VALUES (3000, 99, false);
