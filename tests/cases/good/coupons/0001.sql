INSERT INTO coupons VALUES ('SUMMER', '10%', NULL), ('FIVER', '5.00 EUR', 100), ('odd', '1/3', 0);
