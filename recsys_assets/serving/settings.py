"""The environment variables of a server, each with its default.

``RECSYS_SERVE_DATASET``
    The data set that answers where a request names none; default ``sample``.
``RECSYS_API_KEY``
    If set, requests for data need it, as ``X-API-Key`` or as bearer token; health, app and posters don't.
``RECSYS_CORS_ORIGINS``
    Origins, separated by commas, whose pages may call the API; none by default.
``RECSYS_EXPERIMENT``
    ``name:strategy,strategy``: users are dealt to these strategies where a request names none; off by default.
``RECSYS_MAX_CONCURRENT``
    Requests answered at once; more are told to come back (429). Default 256 a worker.
``TMDB_API_KEY``
    Posters come from TMDB through this server's cache; without it, nothing is fetched.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from recsys_assets.settings import SettingsError, data_folder

__all__ = ["Experiment", "ServeSettings", "serve_settings"]

_EXPERIMENT = re.compile(r"([a-z0-9][a-z0-9-]{0,40}):([a-z_]+(?:,[a-z_]+)+)")


@dataclass(frozen=True)
class Experiment:
    """Strategies that users are dealt to; the first is the one that others are compared with."""

    name: str
    variants: tuple[str, ...]


@dataclass(frozen=True)
class ServeSettings:
    """What a server is started with."""

    data: Path
    dataset: str = "sample"
    api_key: str = ""
    cors_origins: tuple[str, ...] = ()
    experiment: Experiment | None = None
    max_concurrent: int = 256
    tmdb_api_key: str = ""


def serve_settings() -> ServeSettings:
    """The settings that the environment gives.

    Raises
    ------
    SettingsError
        If a variable says what can't be; the message names it and what it may be.
    """
    origins = os.environ.get("RECSYS_CORS_ORIGINS", "")
    return ServeSettings(
        data_folder(),
        os.environ.get("RECSYS_SERVE_DATASET") or "sample",
        os.environ.get("RECSYS_API_KEY", ""),
        tuple(origin.strip() for origin in origins.split(",") if origin.strip()),
        _experiment(os.environ.get("RECSYS_EXPERIMENT", "")),
        _positive("RECSYS_MAX_CONCURRENT", 256),
        os.environ.get("TMDB_API_KEY", ""),
    )


def _experiment(text: str) -> Experiment | None:
    if not text:
        return None
    match = _EXPERIMENT.fullmatch(text)
    variants = tuple(match[2].split(",")) if match else ()
    if match is None or len(set(variants)) < len(variants):
        raise SettingsError(
            f"RECSYS_EXPERIMENT is {text!r}: give a name and two or more different strategies, such as "
            "lists-1:als,hybrid"
        )
    return Experiment(match[1], variants)


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not int(text):
        raise SettingsError(f"{name} is {text!r}: give a whole number from 1")
    return int(text)
