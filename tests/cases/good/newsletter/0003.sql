SELECT unsubscribe_token FROM subscribers;
