"""What commands share: the console, options, and how values are shown."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recsys_assets.contracts import MAX_ID
from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder
from recsys_assets.storage.published import Answer, Published
from recsys_assets.storage.publishing import Publisher

__all__ = [
    "UNKNOWN",
    "Dataset",
    "Length",
    "UserId",
    "complain",
    "err",
    "figure",
    "interval",
    "out",
    "publication_of",
    "publisher_of",
    "show",
]

out = Console()
err = Console(stderr=True)
UNKNOWN = "–"

Dataset = Annotated[str, typer.Option("--dataset", "-d", help="name in data/datasets.toml")]
Length = Annotated[int, typer.Option("--n", "-n", min=1, max=1000, help="length of the list")]
UserId = Annotated[int, typer.Argument(min=0, max=MAX_ID, help="the user's id as in the raw files")]


def show(answer: Answer) -> None:
    table = Table(title=escape(answer.title), title_justify="left", box=SIMPLE)
    for heading in answer.headings:
        table.add_column(heading, justify="left" if heading in ("title", "genres") else "right")
    for row in answer.rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def publisher_of(dataset: str) -> Publisher:
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    return Publisher(data_folder() / "published", dataset)


def publication_of(dataset: str) -> Published:
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    return Published(data_folder(), dataset)


def complain(problem: str) -> None:
    # Brackets in what users typed and in titles are no markup.
    err.print(f"[red]recsys:[/] {escape(problem)}", highlight=False, soft_wrap=True)


def _cell(value: object) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def figure(value: float | None, form: str) -> str:
    """A figure, or a dash where there was too little to judge."""
    return UNKNOWN if value is None else format(value, form)


def interval(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None else f"{low:.3f}–{high:.3f}"
