"""Text in, the spans of one kind of personal data out: one module for each family of kinds, none knows of another."""
