"""The figures of a publication as tables on the console."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from recsys_assets.cli.console import UNKNOWN, figure, interval, out, publication_of
from recsys_assets.storage.published import Published

__all__ = ["summary", "windows_summary"]


def summary(dataset: str) -> None:
    published = publication_of(dataset)
    board = published.leaderboard()
    n_users = max((row[-1] for row in board), default=0)
    table = Table(
        title=f"{dataset}: judged on the test rows of {n_users:,} users, 95 % intervals over users",
        title_justify="left",
        box=SIMPLE,
    )
    for heading in ("model", "NDCG@10", "interval", "recall@10", "hits@10", "coverage"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for model, ndcg, low, high, recall, hits, coverage, _ in board:
        table.add_row(
            model,
            figure(ndcg, ".4f"),
            interval(low, high),
            figure(recall, ".4f"),
            figure(hits, ".3f"),
            figure(coverage, ".3f"),
        )
    out.print(table)
    _stars_summary(published)
    _likes_summary(published)
    out.print(f"Tables: {published.path}", soft_wrap=True)


def windows_summary(dataset: str, board: list[tuple[Any, ...]]) -> None:
    table = Table(
        title=f"{dataset}: NDCG@10 of warm users, the hybrid's gain (95 %), RMSE of all ratings",
        title_justify="left",
        box=SIMPLE,
    )
    headings = ("", "from", "users", "popular", "hybrid", "better by", "bias", "SVD++")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("", "from") else "right", no_wrap=True)
    for window, starts_at, n_users, popularity, hybrid, low, high, bias, svdpp in board:
        table.add_row(
            window,
            f"{starts_at:%Y-%m-%d}",
            f"{n_users:,}",
            figure(popularity, ".3f"),
            figure(hybrid, ".3f"),
            UNKNOWN if low is None else f"{low:+.2f} to {high:+.2f}",
            figure(bias, ".3f"),
            figure(svdpp, ".3f"),
        )
    out.print(table)
    out.print(f"`recsys run --dataset {dataset}` publishes the windows and shows them in its report.")


def _stars_summary(published: Published) -> None:
    board = published.stars_board()
    folds = next((row[6] for row in board if row[6]), None)
    n_users = max((row[5] for row in board), default=0)
    table = Table(
        title=f"predicted stars of the test rows of {n_users:,} users", title_justify="left", box=SIMPLE
    )
    for heading in ("model", "RMSE", "interval", "MAE", *([f"RMSE, {folds}"] if folds else [])):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for model, rmse, low, high, mae, _, _, mean, spread in board:
        over_folds = [UNKNOWN if mean is None else f"{mean:.4f} ± {spread:.4f}"] if folds else []
        table.add_row(model, figure(rmse, ".4f"), interval(low, high), figure(mae, ".4f"), *over_folds)
    out.print(table)


def _likes_summary(published: Published) -> None:
    board = published.likes_board()
    n_users = max((row[-1] for row in board), default=0)
    table = Table(
        title=f"like probabilities of the test rows of {n_users:,} users", title_justify="left", box=SIMPLE
    )
    for heading in ("model", "AUC", "interval", "per user", "log loss", "Brier"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=True)
    for model, auc, low, high, *others, _ in board:
        table.add_row(
            model,
            figure(auc, ".3f"),
            interval(low, high),
            *(figure(value, ".4f") for value in others),
        )
    out.print(table)
