"""Numbers as people read them."""


def shown(value: float) -> str:
    """A number with a real minus sign, which does not break from its figure."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
