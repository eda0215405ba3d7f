UPDATE recipes SET ingredient_names = ingredient_names[2:] || 'pepper'::text WHERE id = 1;
