UPDATE parcels SET weight = 31.501 WHERE tracking = 'B2';
