"""Reading a question: the marked blocks of its messages, and nothing that people typed in them."""

import json
import re
from typing import Any

MARK = re.compile(r"<(situation|survey|profile|facts|untrusted)>")

Messages = list[dict[str, Any]]


class Missing(Exception):
    """No message holds a block that can be read; the message is the block's name."""


def block_in(messages: Messages, name: str) -> dict[str, Any]:
    """The JSON object of the latest user message that holds one by that name; raises Missing."""
    for text in _latest_first(messages):
        parsed = _parsed(_blocks(text).get(name, ""))
        if parsed is not None:
            return parsed
    raise Missing(name)


def typed_in(messages: Messages, label: str) -> str:
    """What a person typed under a label, as `event name: …`; empty when they typed nothing."""
    for text in _latest_first(messages):
        for line in _blocks(text).get("untrusted", "").splitlines():
            if line.startswith(f"{label}:"):
                return line.removeprefix(f"{label}:").strip()
    return ""


def _latest_first(messages: Messages) -> list[str]:
    return [
        _text(message.get("content"))
        for message in reversed(messages)
        if message.get("role") == "user"
    ]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _blocks(text: str) -> dict[str, str]:
    """What stands between two marker lines; a marker inside another block is only text."""
    found: dict[str, str] = {}
    inside, lines = "", list[str]()
    for line in text.splitlines():
        mark = line.strip()
        opens = MARK.fullmatch(mark)
        if not inside and opens:
            inside, lines = opens[1], []
        elif inside and mark == f"</{inside}>":
            found.setdefault(inside, "\n".join(lines))
            inside = ""
        elif inside:
            lines.append(line)
    return found


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(text)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
