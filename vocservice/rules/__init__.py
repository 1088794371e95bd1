"""A rule in a small language and facts about a record in, whether it matches and why out. No text is ever executed."""
