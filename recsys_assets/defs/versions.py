"""Code versions that nobody has to remember to change."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from pathlib import Path

__all__ = ["code_version"]

_FOLLOWED = (
    "recsys_assets.algorithms",
    "recsys_assets.report",
    "recsys_assets.storage.l",
    "recsys_assets.contracts",
    "recsys_assets.defs",
)
_PLUMBING = ("recsys_assets.defs.common", "recsys_assets.defs.resources", "recsys_assets.defs.versions")


@cache
def code_version(module: str) -> str:
    """Digest of a module's code and of all the project's code that it computes with.

    Followed are imports of algorithms, reports, loaders, contracts and of what assets share (which rows a fit learns
    from, what gates measure), and theirs in turn; not those that only carry and store. Comments, docstrings and
    layout don't count, so that only a change of what is computed makes an asset stale.
    """
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(_closure(module)):
        digest.update(f"{name}:{_code_of(name)};".encode())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    found: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [o for o in _imports(name) if o.startswith(_FOLLOWED) and o not in _PLUMBING]
    return found


@cache
def _tree(module: str) -> ast.Module:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"module {module!r} has no source file")
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _imports(module: str) -> list[str]:
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [node.module, *(name for name in inner if _is_module(name))]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.startswith("recsys_assets.")]


def _is_module(name: str) -> bool:
    if not name.startswith("recsys_assets."):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent is a module, not a package: `name` is a member of it
        return False


@cache
def _code_of(module: str) -> str:
    tree = ast.parse(ast.unparse(_tree(module)))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and len(body) > 1 and _is_docstring(body[0]):
            del body[0]
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
