"""What was received and what came of it, kept in one SQL database: SQLite by default, PostgreSQL by one setting.

The one package that imports SQLAlchemy. `database` opens it and owns transactions; every other module is the functions
of one table and takes the connection of the caller's transaction first.
"""
