UPDATE tickets SET state = 'closed', closed_at = now() WHERE subject = 'Mouse';
