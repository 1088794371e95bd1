"""A plan in, a running server out: gunicorn if installed, else werkzeug; both drain, and disconnect senders that are too slow."""
