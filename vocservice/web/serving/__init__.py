"""A plan in, a running server out: gunicorn where it is installed, else werkzeug; both drain, and drop who sends too slowly."""
