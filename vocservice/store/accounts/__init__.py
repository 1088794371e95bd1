"""Names in, workspaces, users, sessions and API keys out."""
