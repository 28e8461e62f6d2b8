"""The ``recsys`` command: launch jobs, read published tables, serve them. It holds no logic of its own."""

from __future__ import annotations

import sys

import typer

from recsys_assets.cli.answers import explain, similar, stars, top
from recsys_assets.cli.console import complain, err, out
from recsys_assets.cli.publications import champions, datasets, history, models, report, rollback
from recsys_assets.cli.runs import backtest, forget, run
from recsys_assets.cli.servers import dev, serve
from recsys_assets.registry import RegistryError
from recsys_assets.settings import SettingsError
from recsys_assets.storage.erasure import ForgettingError
from recsys_assets.storage.published import NotFoundError, NotPublishedError
from recsys_assets.storage.publishing import NoGenerationError

__all__ = ["app", "err", "main", "out"]

COMMANDS = (
    *(run, backtest, forget),
    *(top, stars, similar, explain),
    *(report, champions, models, history, rollback, datasets),
    *(dev, serve),
)

app = typer.Typer(
    help="Movie ratings and metadata become trustworthy recommendations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command; what a user can mend becomes one line on stderr and exit code 1."""
    try:
        app()
    except (
        RegistryError,
        SettingsError,
        NotPublishedError,
        NotFoundError,
        NoGenerationError,
        ForgettingError,
        FileNotFoundError,
    ) as error:
        complain(str(error))
        sys.exit(1)
