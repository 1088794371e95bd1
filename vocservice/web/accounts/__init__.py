"""A browser in, its user out: sessions, roles, login by password or by an OpenID provider."""
