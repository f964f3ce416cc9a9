"""`make test-live`: the whole chain against a real QingStor account, in one bucket, below one prefix."""
