"""Commands about publications: their figures, history, models and champions."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from recsys_assets.cli.console import (
    UNKNOWN,
    Dataset,
    Length,
    figure,
    interval,
    out,
    publication_of,
    publisher_of,
)
from recsys_assets.cli.figures import summary
from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder
from recsys_assets.storage.published import Published


def report(
    dataset: Dataset = "sample",
    show: Annotated[bool, typer.Option("--open", help="open the HTML report in the browser")] = False,
) -> None:
    """Show the published figures and gates, and where the full report is."""
    summary(dataset)
    gates = Table(title="gates", title_justify="left", box=SIMPLE)
    for heading in ("gate", "measured", "must be", "distance"):
        gates.add_column(heading, justify="left" if heading == "gate" else "right")
    for gate, measured, comparison, threshold, distance in publication_of(dataset).gates():
        gates.add_row(
            gate, figure(measured, ".4g"), f"{comparison} {threshold:.4g}", figure(distance, "+.3g")
        )
    out.print(gates)
    path = data_folder() / "reports" / f"{dataset}.html"
    out.print(f"Full report: {path}", soft_wrap=True)
    if show:
        webbrowser.open(path.as_uri())


def history(dataset: Dataset = "sample") -> None:
    """Show what was published when, and what was withdrawn or restored, and why."""
    publisher = publisher_of(dataset)
    current = publisher.current()
    table = Table(title=f"publications of {dataset}", title_justify="left", box=SIMPLE)
    for heading in ("at (UTC)", "generation", "what happened", "run", "reason"):
        table.add_column(heading)
    for event in publisher.history.events():
        table.add_row(
            event.at, str(event.generation), event.happened, event.run_id[:8] or UNKNOWN, escape(event.reason)
        )
    out.print(table)
    kept = ", ".join(str(one.number) for one in publisher.generations()) or "none"
    out.print(f"Current: {current.number if current else 'none'}; kept: {kept}")


def rollback(
    dataset: Dataset = "sample",
    to: Annotated[int | None, typer.Option(min=1, help="a generation that is kept; the one before")] = None,
    reason: Annotated[str, typer.Option(help="for the history")] = "asked for",
) -> None:
    """Withdraw the current publication: an older generation answers again until the next one is published."""
    restored = publisher_of(dataset).roll_back(to=to, reason=reason)
    out.print(f"{dataset}: generation {restored.number} is current again.")


def models(dataset: Dataset = "sample") -> None:
    """List the versions of the content engine: which one serves, and why the others don't."""
    versions = publication_of(dataset).models()
    if not versions:
        out.print(f"{dataset}: no version of a content engine; it needs a catalogue to learn from.")
        return
    table = Table(title=f"content engine of {dataset}", title_justify="left", box=SIMPLE)
    for heading in ("version", "stage", "silhouette", "lift", "from", "decision", "registered"):
        table.add_column(heading, justify="right" if heading in ("silhouette", "lift", "from") else "left")
    for version, stage, alias, silhouette, lift, low, decision, _, created_at in versions:
        table.add_row(
            str(version),
            f"{stage}, {alias}" if alias else stage,
            figure(silhouette, ".4f"),
            figure(lift, ".2f"),
            figure(low, ".2f"),
            decision,
            f"{created_at:%Y-%m-%d %H:%M} UTC",
        )
    out.print(table)
    for version, *_, reason, _ in versions:
        out.print(f"{version}: {escape(reason or 'the run ended before the decision')}", soft_wrap=True)


def champions(dataset: Dataset = "sample", n: Length = 10) -> None:
    """Show who answers by default, and the last decisions: how far from the gate, and what blocked a challenger."""
    published = publication_of(dataset)
    table = Table(title=f"champions of {dataset}", title_justify="left", box=SIMPLE)
    for heading in ("task", "strategy", "figure", "since (UTC)"):
        table.add_column(heading, no_wrap=heading != "figure")
    for task, strategy, _, metric, value, low, high, since, _ in published.champions():
        span = "" if low is None or high is None else f" ({interval(low, high)})"
        table.add_row(task, strategy, f"{metric} {figure(value, '.4f')}{span}", f"{since:%Y-%m-%d %H:%M}")
    out.print(table)
    for at, task, look, decision, *_, reason in published.promotions(n=n):
        out.print(f"{at:%Y-%m-%d %H:%M} {task}, look {look}, {decision}: {escape(reason)}", soft_wrap=True)


def datasets() -> None:
    """List the data sets of the registry and what is published of them."""
    table = Table(box=SIMPLE)
    for heading in ("name", "published", "title"):
        table.add_column(heading, no_wrap=heading == "name")
    for spec in load_registry(data_folder() / "datasets.toml").datasets.values():
        table.add_row(spec.name, Published(data_folder(), spec.name).state(), spec.title)
    out.print(table)
