"""Commands that make something: runs, backtests, and forgetting a user."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from recsys_assets.cli.console import Dataset, UserId, complain, err, out, publisher_of
from recsys_assets.cli.figures import summary, windows_summary
from recsys_assets.contracts import WINDOW_NAMES
from recsys_assets.registry import load_registry
from recsys_assets.settings import data_folder, lifecycle_store

if TYPE_CHECKING:
    from recsys_assets.launch import Outcome, Ran


def run(
    dataset: Dataset = "sample",
    force: Annotated[bool, typer.Option("--force", help="make everything again")] = False,
    full: Annotated[bool, typer.Option("--full", help="also the slow evaluation: cross-validation")] = False,
) -> None:
    """Bring a data set up to date: raw files to published tables, through all gates."""
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    lifecycle_store()
    _bring_up_to_date(dataset, force=force, full=full)


def _bring_up_to_date(dataset: str, *, force: bool = False, full: bool = False) -> None:
    started = time.monotonic()
    with err.status("Reading the graph …"):
        # Dagster and the models take seconds to import: not before they are needed.
        import dagster as dg

        from recsys_assets.launch import launch, plan, prepare_home

        prepare_home()
        instance = dg.DagsterInstance.get()
        planned = plan(dataset, instance, force=force, with_slow=full)
    if not planned.reasons:
        out.print(f"{dataset}: all {planned.n_assets} assets are up to date; nothing was made again.")
        summary(dataset)
        return
    out.print(f"{dataset}: {len(planned.reasons)} of {planned.n_assets} assets to make.")
    with _progress() as progress:
        task = progress.add_task("starting", total=planned.n_steps)

        def on_step(step: str, state: str) -> None:
            if state == "started":
                progress.update(task, description=step.replace("__", "/"))
            else:
                progress.advance(task)

        outcome = launch(planned, instance, on_step=on_step)
    if not outcome.succeeded:
        for problem in outcome.problems:
            complain(problem)
        fate = (
            "Published all the same"
            if outcome.published
            else "Nothing was published; the last one stays current"
        )
        err.print(f"{fate}. Run {outcome.run_id}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    for problem in outcome.problems:
        err.print(f"[yellow]recsys:[/] {escape(problem)}", highlight=False, soft_wrap=True)
    out.print(f"Published in {time.monotonic() - started:.1f} s by run {outcome.run_id}")
    summary(dataset)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<48}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


def backtest(
    dataset: Dataset = "sample",
    windows: Annotated[
        int, typer.Option(min=1, max=len(WINDOW_NAMES), help="the latest so many windows of time")
    ] = len(WINDOW_NAMES),
    force: Annotated[bool, typer.Option("--force", help="make these windows again")] = False,
) -> None:
    """Judge models of moments of the past by what came after: one window of time after another."""
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    started = time.monotonic()
    with err.status("Reading the graph …"):
        import dagster as dg

        from recsys_assets import backtests, launch

        launch.prepare_home()
        instance = dg.DagsterInstance.get()
        history = backtests.plan_history(dataset, instance)
    with _progress() as progress:
        task = progress.add_task("what windows are cut from", total=history.n_steps)

        def on_step(step: str, state: str) -> None:
            if state == "started":
                progress.update(task, description=f"{doing}{step.replace('__', '/')}")

        doing = ""
        if history.reasons:
            _stop_if_failed(launch.launch(history, instance, on_step=on_step))
        due = backtests.due_windows(dataset, instance, n_windows=windows, force=force)
        progress.update(task, total=len(due))
        backtest_id = backtests.new_id()
        for window in due:
            doing = f"{window}: "
            ran = backtests.run_window(dataset, window, instance, backtest_id=backtest_id, on_step=on_step)
            _stop_if_failed(ran)
            progress.advance(task)
        doing = ""
        if backtests.report_due(dataset, instance):
            _stop_if_failed(backtests.run_report(dataset, instance, backtest_id=backtest_id, on_step=on_step))
    if due:
        out.print(f"{dataset}: {len(due)} of {windows} windows made in {time.monotonic() - started:.1f} s")
    else:
        out.print(f"{dataset}: all {windows} windows are up to date; nothing was made again.")
    windows_summary(dataset, backtests.board(dataset))


def _stop_if_failed(ran: Outcome | Ran) -> None:
    """Say what went wrong; what didn't stop the run is said too."""
    for problem in ran.problems:
        if ran.succeeded:
            err.print(f"[yellow]recsys:[/] {escape(problem)}", highlight=False, soft_wrap=True)
        else:
            complain(problem)
    if not ran.succeeded:
        err.print(
            f"What was made before it stays as it is. Run {ran.run_id}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1)


def forget(
    user_id: UserId,
    dataset: Dataset = "sample",
    run: Annotated[bool, typer.Option(help="also make and publish anew what the user was part of")] = True,
) -> None:
    """Take a user out of all that is stored of a data set, of those with the same source and those cut from it."""
    spec = load_registry(data_folder() / "datasets.toml").dataset(dataset)
    with err.status("Forgetting …"):
        from recsys_assets import launch

        forgot = launch.forget(dataset, user_id)
    concerned = forgot.datasets
    source = spec.source.folder or spec.source.archive
    out.print(
        f"User {user_id} is out of the files of {', '.join(concerned)}, with all that was made of them. The source, "
        f"{source}, is not changed: from now on the user is left out whenever it is read.",
        soft_wrap=True,
    )
    published = [name for name in concerned if publisher_of(name).current()]
    succeeded = [_published_anew(name) for name in published] if run else []
    left = [trace for name in concerned for trace in launch.traces(name, user_id)]
    for name in forgot.backtested:
        again = f"recsys backtest --dataset {name}"
        out.print(f"The backtest of {name} went too and is due again: {again}.", soft_wrap=True)
    for name in forgot.cross_validated:
        again = f"recsys run --full --dataset {name}"
        out.print(f"Cross-validation of {name} went too and is due again: {again}.", soft_wrap=True)
    if not left:
        out.print(f"Nothing stored of {', '.join(concerned)} names user {user_id} any more.")
    elif run:
        complain(f"user {user_id} is still named by {'; '.join(left)}")
    else:
        again = " and ".join(f"recsys run --dataset {name}" for name in published)
        out.print(f"Publications name the user until they are replaced: {again}.", soft_wrap=True)
    if run and (left or not all(succeeded)):
        raise typer.Exit(1)


def _published_anew(dataset: str) -> bool:
    try:
        _bring_up_to_date(dataset)
    except typer.Exit:
        return False
    return True
