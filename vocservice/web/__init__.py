"""HTTP in, JSON and pages out: the Flask application around an analyser.

The only package that imports Flask; `vocservice.web.app.create_app` creates the application.
"""
