INSERT INTO employees (id, name) VALUES (4, 'Cy');
INSERT INTO salaries (employee, monthly) VALUES (4, 100);
