"""Received feedback and its results, kept in one SQL database: SQLite by default, PostgreSQL by one setting.

The only package that imports SQLAlchemy. `database` opens it and owns transactions; every other module has the functions
of one table, whose first argument is the connection of the caller's transaction.
"""
