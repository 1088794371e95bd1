"""A request in, its checked parts out: whose key it is, its body, its records, its files and its parameters."""
