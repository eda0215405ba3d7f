INSERT INTO a_table_whose_name_is_exactly_as_long_as_postgres_can_keep_it6 VALUES (1, 'a'), (2, NULL);
