"""The steps of the schema, one module each, oldest first; `migrate` runs them. A released one is never changed."""
