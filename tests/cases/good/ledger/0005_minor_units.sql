UPDATE entries SET amount = amount + 1;
