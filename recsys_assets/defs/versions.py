"""Code versions that nobody has to remember to change."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from functools import cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["code_version"]

_PLOTS = "recsys_assets.report"
_PLUMBING = (
    "recsys_assets.defs.resources",
    "recsys_assets.defs.versions",
    "recsys_assets.defs.whole",
    "recsys_assets.partitions",
    "recsys_assets.registry",
    "recsys_assets.settings",
)
_LIBRARIES = (
    "duckdb",
    "implicit",
    "numba",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "snowballstemmer",
    "xgboost",
)


@cache
def code_version(*modules: str) -> str:
    """Digest of modules, of all the project's code that they compute with, and of the libraries' versions.

    Imports are followed, and theirs in turn, except plumbing, and except reports where no report is asked for: how a
    plot looks is no reason to fit a model again. Comments, docstrings and layout don't count.
    """
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(_closure(modules)):
        digest.update(f"{name}:{_code_of(name)};".encode())
    for library in _LIBRARIES:
        digest.update(f"{library}={version(library)};".encode())
    return digest.hexdigest()


def _closure(modules: tuple[str, ...]) -> set[str]:
    skipped = _PLUMBING if any(name.startswith(_PLOTS) for name in modules) else (*_PLUMBING, _PLOTS)
    found: set[str] = set()
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [other for other in _imports(name) if not other.startswith(skipped)]
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
