"""A PostgreSQL server of one's own, for as long as a benchmark or a test takes."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60.0
_END_S = 30.0


def postgresql_binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Starts a server with its defaults (every commit reaches the disk); gives its URL.

    It listens on this machine only, trusts everybody there, and leaves nothing behind. Since
    PostgreSQL does not run as root, root starts it as the user ``postgres`` or ``nobody``.

    Raises:
        RuntimeError: PostgreSQL is not installed, or does not start.
    """
    binaries = postgresql_binaries()
    if binaries is None:
        raise RuntimeError("there is no PostgreSQL server here: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="nas-kd-postgresql-") as name:
        folder, port = Path(name), _free_port()
        identity = _identity()
        if identity:
            shutil.chown(folder, identity["user"], identity["group"])
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "nas_kd", "-A", "trust", "-E", "UTF8"],
            check=True, capture_output=True, cwd=folder, **identity,
        )  # fmt: skip
        log = (folder / "log").open("w")
        server = subprocess.Popen(
            [
                binaries / "postgres", "-D", data, "-p", str(port), "-k", folder,
                "-c", "listen_addresses=127.0.0.1",
            ],
            stdout=log, stderr=log, cwd=folder, **identity,
        )  # fmt: skip
        try:
            _wait_until_ready(binaries, port, server, folder / "log")
            yield f"postgresql://nas_kd@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(_END_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            log.close()


def _identity() -> dict[str, Any]:
    """For `subprocess`: another user where this one is root."""
    if os.getuid() != 0:
        return {}
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(
    binaries: Path, port: int, server: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + _START_S
    question = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-d", "postgres"]
    while subprocess.run(question, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL does not start: {log.read_text(errors='replace')}")
        time.sleep(0.1)
