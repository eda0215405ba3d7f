UPDATE patients SET weight_kg = 81.25 WHERE height_cm = 180;
