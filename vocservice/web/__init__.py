"""HTTP in, JSON and one page out: the Flask application around an analyser.

The one package that imports Flask; `vocservice.web.app.create_app` makes the application.
"""
