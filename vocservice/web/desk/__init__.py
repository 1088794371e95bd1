"""What waits for a person in, decisions out: the queue and its records, several at once, files, second readings."""
