"""A browser in, who sits before it out: sessions, roles, login by password or by an OpenID provider."""
