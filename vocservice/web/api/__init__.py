"""Requests with an API key in, JSON out: records, feedback, deliveries, subjects, sources, rules, the taxonomy; a resource a module."""
