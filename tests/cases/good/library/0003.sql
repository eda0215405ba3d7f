UPDATE loans SET period = daterange(lower(period), lower(period) + 14);
