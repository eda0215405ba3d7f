UPDATE rooms SET rate = 100 WHERE number = 101;
