"""Analysed records in, the desk out: queue, claims, decisions, rules with their matches, alerts."""
