"""Asks a dashboard what its page asks, without a server."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

Ask = Callable[..., tuple[int, Any]]


def asking(application: Any) -> Ask:
    """Asks a WSGI application; JSON comes back decoded, all else as bytes."""

    def ask(path: str, method: str = "GET", **body: Any) -> tuple[int, Any]:
        content = json.dumps(body).encode()
        environ: dict[str, Any] = {
            "PATH_INFO": path,
            "REQUEST_METHOD": method,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(content)),
            "wsgi.input": io.BytesIO(content),
        }
        setup_testing_defaults(environ)
        status: list[str] = []
        answer = b"".join(application(environ, lambda line, *_: status.append(line)))
        try:
            return int(status[0][:3]), json.loads(answer)
        except ValueError:
            return int(status[0][:3]), answer

    return ask
