UPDATE hours SET overtime = LEAST(overtime + 0.25, 4) WHERE who = 'ann' AND NOT is_weekend;
