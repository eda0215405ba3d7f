INSERT INTO translations (key, locale, forms) VALUES ('colour', 'en-GB', '{colour}'), ('colour', 'zh-Hant', '{顏色}');
