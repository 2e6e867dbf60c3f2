"""POA: pre-training an elastic supernet once, without labels, for all its sizes."""
