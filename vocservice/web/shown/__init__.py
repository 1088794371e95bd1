"""Stored analyses in, their presentation on pages out: marked text, labels in words, the course of a conversation."""
