"""Stored analyses in, what pages show of them out: marked text, labels in words, the course of a conversation."""
