"""Telling a network that cannot be reached from every other failure of a download."""

from __future__ import annotations

from collections.abc import Iterator

from nas_kd.errors import NasKdError

_NETWORK_ERRORS = {
    "ConnectError",
    "ConnectTimeout",
    "ConnectionError",
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "ProxyError",
    "ReadTimeout",
    "SSLError",
    "TransportError",
    "URLError",
    "gaierror",
}


def is_network_failure(error: BaseException) -> bool:
    """Whether the failure, or what caused it, is that the network could not be reached."""
    return any(
        isinstance(cause, ConnectionError | TimeoutError)
        or any(kind.__name__ in _NETWORK_ERRORS for kind in type(cause).__mro__)
        for cause in _causes(error)
    )


def unreachable(what: str, *, instead: str) -> NasKdError:
    """The error for ``what`` that needs the network, with what to do ``instead``."""
    return NasKdError(
        f"{what}: the network cannot be reached, and nothing is cached here. "
        f"Try again when online, or {instead}."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
