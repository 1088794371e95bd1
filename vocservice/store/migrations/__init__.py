"""The migrations of the schema, one module each, oldest first; run by `migrate`. Released ones are never changed."""
