"""Commands that answer about a user or a movie, from what is published."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape

from recsys_assets.cli.console import Dataset, Length, UserId, out, publication_of, show
from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder


def top(
    user_id: UserId,
    dataset: Dataset = "sample",
    strategy: Annotated[
        str | None,
        typer.Option(help="als, hybrid, like_ensemble, … as in the table recommendations; else the champion"),
    ] = None,
    n: Length = 10,
) -> None:
    """Show a user's recommendations; an unknown user gets the cold-start list."""
    published = publication_of(dataset)
    show(published.top(user_id, strategy=strategy or published.default_strategy(), n=n))


def stars(
    user_id: UserId,
    dataset: Dataset = "sample",
    n: Length = 10,
) -> None:
    """Show the movies that a user would give most stars to, how many, and how far off that may be."""
    show(publication_of(dataset).stars(user_id, n=n))


def similar(
    movie: Annotated[str, typer.Argument(help="movie id, or title or part of it")],
    dataset: Dataset = "sample",
    method: Annotated[
        str, typer.Option(help="als, svdpp, content, genome, content_global, content_cluster")
    ] = "als",
    n: Length = 10,
) -> None:
    """Show the movies nearest to a movie."""
    show(publication_of(dataset).similar(movie, method=method, n=n))


def explain(
    user_id: UserId,
    movie: Annotated[str, typer.Argument(help="movie id, or title or part of it")],
    dataset: Dataset = "sample",
    strategy: Annotated[
        str, typer.Option(help="als, content, hybrid, popularity or item_knn_baseline (stars)")
    ] = "hybrid",
    n: Length = 10,
) -> None:
    """Show what each movie that a user rated adds to the score of another, and what made the score."""
    from recsys_assets.storage.explaining import Explainer

    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    why = Explainer(data_folder(), dataset).explain(user_id, movie, strategy=strategy, n=n)
    out.print(f"{escape(why.answer.title)}\n{escape(why.because)}.", highlight=False, soft_wrap=True)
    show(replace(why.answer, title=""))
    show(why.lineage)
