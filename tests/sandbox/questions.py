"""Asking the stand-in model, and reading what it answers."""

import json
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from tests.sandbox.scenarios import BY_ID

CONTEXT = BY_ID["SC01"]["context"]


def situation_text(context: dict[str, Any] = CONTEXT) -> str:
    return f"Decide.\n<situation>\n{json.dumps(context)}\n</situation>\nAnswer in JSON."


def ask(client: openai.OpenAI, *texts: str, **options: Any) -> ChatCompletion:
    messages = [{"role": "user", "content": text} for text in texts or (situation_text(),)]
    answer: ChatCompletion = client.chat.completions.create(
        **{"model": "gpt-4o-mini", "messages": messages, **options}
    )
    return answer


def reply(completion: ChatCompletion) -> dict[str, Any]:
    decision: dict[str, Any] = json.loads(completion.choices[0].message.content or "")
    return decision


def set_mode(http: httpx2.Client, mode: str, **options: Any) -> None:
    http.post("/openai/mode", json={"mode": mode, **options}).raise_for_status()
