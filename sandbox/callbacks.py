"""Calling back whoever subscribed, over real HTTP."""

from typing import Any

import httpx2


def call_back(method: str, url: str, patience_s: float, **what: Any) -> httpx2.Response | None:
    """The answer, whatever its status, and without following it elsewhere; None when none came."""
    try:
        with httpx2.Client(timeout=patience_s, trust_env=False) as client:
            return client.request(method, url, **what)
    except (httpx2.RequestError, httpx2.InvalidURL):
        return None
