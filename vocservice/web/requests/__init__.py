"""A request in, its validated parts out: key, body, records, files and parameters."""
