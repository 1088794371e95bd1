"""A number and a noun in, a phrase out."""


def plural(n: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"
