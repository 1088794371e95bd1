"""The text steps, shared by serving and training: normalise, redact, segment, identify the language."""
