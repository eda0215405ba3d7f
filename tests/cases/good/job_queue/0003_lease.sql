UPDATE jobs SET worker = 'host-7/3', lease = tstzrange(now(), now() + interval '1 h') WHERE id = 5;
