"""A rule in a small readable language and what is known of a record in, whether the rule holds and why out. No text is ever run."""
