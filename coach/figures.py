"""Numbers as people read them."""


def counted(count: int, what: str) -> str:
    """“1 day”, “3 days”."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def shown(value: float) -> str:
    """A number with a real minus sign, which does not break from its figure."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
