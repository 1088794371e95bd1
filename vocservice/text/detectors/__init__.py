"""Text in, spans of one kind of personal data out: one independent module per family of kinds."""
