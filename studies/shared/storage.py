"""Optuna storages that several hosts reach, by URL; no message shows a password."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage, get_storage
from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from nas_kd.errors import NasKdError, UsageError
from nas_kd.url_password import hidden_password

_POSTGRESQL = ("postgresql", "postgres")
_GRPC = re.compile(r"grpc://(?P<host>[^/:@\s]+):(?P<port>\d{1,5})/?")
_CREATIONS = 5
"""Times that tables are looked for: hosts that start together make the same ones."""
_SERVER_WAIT_S = 15.0
_DRIVERS = {
    "psycopg": "pip install 'nas-kd[postgresql]' (or 'psycopg[binary]')",
    "grpc": "pip install 'nas-kd[grpc]' (or grpcio)",
}


def open_shared_storage(url: str) -> BaseStorage:
    """The storage at ``url``: of any database that Optuna knows, or ``grpc://HOST:PORT``.

    Raises:
        UsageError: The URL cannot be read, or the database's driver is not installed.
        NasKdError: The server does not answer, or refuses.
    """
    if url.startswith("grpc:"):
        return _open_proxy(url)
    address = _parse(url)
    with explained(url):
        storage = _open_database(address)
    return get_storage(storage)


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turns what a database or its driver raises into one message.

    Raises:
        NasKdError: Something was raised.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        raise _failure(url, error) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "grpc":
            raise
        raise _failure(url, error) from None


def _parse(url: str) -> URL:
    try:
        address = make_url(url)
        if address.drivername in _POSTGRESQL:
            address = address.set(drivername="postgresql+psycopg")
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise UsageError(
            f"--storage: {hidden_password(url)} is no URL of a database. Write, for example, "
            "postgresql://USER@HOST/DATABASE, sqlite:///FILE or grpc://HOST:PORT."
        ) from error
    except ImportError as error:
        raise _missing_driver(url, error) from error
    return address


def _open_database(address: URL) -> RDBStorage:
    text = address.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    for creation in range(1, _CREATIONS + 1):
        try:
            return RDBStorage(text, engine_kwargs=_engine_settings(address))
        except ImportError as error:
            raise _missing_driver(text, error) from error
        except (SQLAlchemyError, StorageInternalError) as error:
            if creation == _CREATIONS or not _is_of_creation(error):
                raise
            time.sleep(random.random())
    raise AssertionError("the last creation returns or raises")


def _engine_settings(address: URL) -> dict[str, Any]:
    """One connection for each process, a second one where its heartbeat cannot wait."""
    if address.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 60}}
    return {"pool_size": 1, "max_overflow": 1, "pool_pre_ping": True}


def _is_of_creation(error: Exception) -> bool:
    """Whether another process made the same table or row in the same moment."""
    text = _root(error).lower()
    return any(words in text for words in ("already exists", "duplicate key", "unique constraint"))


def _open_proxy(url: str) -> GrpcStorageProxy:
    found = _GRPC.fullmatch(url)
    if found is None:
        raise UsageError(f"--storage: {url!r} is not grpc://HOST:PORT.")
    try:
        proxy = GrpcStorageProxy(host=found["host"], port=int(found["port"]))
        proxy.wait_server_ready(timeout=_SERVER_WAIT_S)
    except ImportError as error:
        raise _missing_driver(url, error) from error
    except ConnectionError as error:
        raise NasKdError(
            f"--storage: no proxy answers at {url}. Start one with "
            "optuna.storages.run_grpc_proxy_server on a host that reaches the database."
        ) from error
    return proxy


def _missing_driver(url: str, error: ImportError) -> UsageError:
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    name = (cause.name or "").partition(".")[0] or "of this database"
    remedy = _DRIVERS.get(name, f"install it with pip install {name}")
    return UsageError(
        f"--storage: {hidden_password(url)} needs the driver {name}, which is not installed: "
        f"{remedy}."
    )


def _failure(url: str, error: Exception) -> NasKdError:
    return NasKdError(
        f"--storage: {hidden_password(url)} cannot be used ({hidden_password(_root(error))}). "
        "Check that the server runs and lets you in; the same command continues what was begun."
    )


def _root(error: BaseException) -> str:
    """The first line of what went wrong first."""
    while error.__cause__ is not None:
        error = error.__cause__
    original = getattr(error, "orig", None) or error
    details = getattr(original, "details", None)
    text = str(details() if callable(details) else original).strip()
    return text.splitlines()[0] if text else type(original).__name__
