"""Passwords in URLs, which no message may show."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):\S*@")


def hidden_password(text: str) -> str:
    """``text`` with the passwords of the URLs in it left out."""
    return _PASSWORD.sub(r"\1:***@", text)
