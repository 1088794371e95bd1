"""A p or q in, text out: what is smaller than any reader weighs is shown as a bound."""

LEAST = 0.0001


def chance_text(value: float | None, name: str = "") -> str:
    """A probability to two digits, as `0.013` or `< 0.0001`; with its name, as `q = 0.013` or `q < 0.0001`."""
    if value is None:
        return "not tested"
    if value < LEAST:
        return f"{name} < {LEAST:.4f}".lstrip()
    return f"{name} = {value:.2g}" if name else f"{value:.2g}"
