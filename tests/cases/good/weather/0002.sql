INSERT INTO observations (station, hour, celsius) VALUES (3, now(), -12.3);
SELECT station, avg(celsius) OVER w, lag(celsius) OVER w FROM observations WINDOW w AS (PARTITION BY station ORDER BY hour);
