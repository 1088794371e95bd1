"""Deliveries and files in, records out: kept once, newest version first, erased on request, set aside where nobody can read them."""
