UPDATE players SET elo = elo + 16 * (1 - 1 / (1 + power(10, (1200 - elo) / 400))), wins = wins + 1 WHERE handle = 'neo';
