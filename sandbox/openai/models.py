"""The models the stand-in knows, and when each is switched off."""

from typing import Any

# name: (the snapshot that answers, date of shutdown, or None when none is announced)
KNOWN: dict[str, tuple[str, str | None]] = {
    "gpt-4o": ("gpt-4o-2024-08-06", "2027-01-14"),
    "gpt-4o-2024-08-06": ("gpt-4o-2024-08-06", "2027-01-14"),
    "gpt-4o-mini": ("gpt-4o-mini-2024-07-18", "2027-01-14"),
    "gpt-4o-mini-2024-07-18": ("gpt-4o-mini-2024-07-18", "2027-01-14"),
    "gpt-4.1": ("gpt-4.1-2025-04-14", "2027-01-14"),
    "gpt-4.1-mini": ("gpt-4.1-mini-2025-04-14", "2027-01-14"),
    "gpt-5": ("gpt-5-2025-08-07", "2026-12-11"),
    "gpt-6-luna": ("gpt-6-luna", None),
    "gpt-6-astra": ("gpt-6-astra", None),
    "gpt-6.1-sol": ("gpt-6.1-sol", None),
}
ALWAYS_REASON = {"gpt-6-astra", "gpt-6.1-sol"}


def model(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 1_715_367_049,
        "owned_by": "system",
        "shutdown_date": KNOWN[name][1],
    }
