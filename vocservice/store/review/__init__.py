"""Analysed records in, the desk out: the queue, who holds a record, decisions, rules and what they held for, alerts."""
