INSERT INTO flags (key, rollout) VALUES ('new-checkout', 5);
