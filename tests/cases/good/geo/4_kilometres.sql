UPDATE routes SET km = 3.5 WHERE origin = 1 AND destination = 2;
