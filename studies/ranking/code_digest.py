"""Digests of code as it is written but for docstrings, comments and layout."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(files: Iterable[Path]) -> str:
    """Eight hexadecimal digits of the code in Python files, whatever their order and root."""
    digest = hashlib.sha256()
    for path in sorted(set(files), key=lambda path: (path.parent.name, path.name)):
        code = code_of(path.read_text(encoding="utf-8"))
        digest.update(f"{path.parent.name}/{path.name}\n{code}\n".encode())
    return digest.hexdigest()[:8]


def code_of(source: str) -> str:
    """The code without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def sources(module: str) -> set[Path]:
    """The files of a module and of all modules of its package that it imports, over any steps."""
    package = module.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [other for other in _imported(path) if other.startswith(f"{package}.")]
    return set(found.values())


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _file(module: str) -> Path | None:
    """Where a module is written; None for what is none, such as a name within one."""
    if module in sys.modules:
        origin = getattr(sys.modules[module], "__file__", None)
        return None if origin is None else Path(origin)
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)
