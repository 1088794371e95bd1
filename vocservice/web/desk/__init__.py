"""Records that need a person in, decisions out: queue, record page, bulk actions, files, second readings."""
