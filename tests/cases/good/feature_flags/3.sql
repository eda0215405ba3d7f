UPDATE flags SET rules = rules || '{"user": 7}'::jsonb WHERE jsonb_path_exists(rules, '$[*] ? (@.percent > 1)');
