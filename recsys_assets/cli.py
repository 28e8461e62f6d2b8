"""The ``recsys`` command: launch jobs, and read published tables. It holds no logic of its own."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from recsys_assets.contracts import MAX_ID, WINDOW_NAMES
from recsys_assets.registry import RegistryError, load_registry
from recsys_assets.settings import SettingsError, data_folder, lifecycle_store, project_folder
from recsys_assets.storage.erasure import ForgettingError
from recsys_assets.storage.published import Answer, NotFoundError, NotPublishedError, Published
from recsys_assets.storage.publishing import NoGenerationError, Publisher, newest_published

if TYPE_CHECKING:
    from recsys_assets.launch import Outcome, Ran

__all__ = ["app", "main"]

app = typer.Typer(
    help="Movie ratings and metadata become trustworthy recommendations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)
UNKNOWN = "–"

Dataset = Annotated[str, typer.Option("--dataset", "-d", help="name in data/datasets.toml")]
Length = Annotated[int, typer.Option("--n", "-n", min=1, max=1000, help="length of the list")]


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
        _complain(str(error))
        sys.exit(1)


@app.command()
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
        _summary(dataset)
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
            _complain(problem)
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
    _summary(dataset)


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


@app.command()
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
    _windows_summary(dataset, backtests.board(dataset))


def _stop_if_failed(ran: Outcome | Ran) -> None:
    """Say what went wrong; what didn't stop the run is said too."""
    for problem in ran.problems:
        if ran.succeeded:
            err.print(f"[yellow]recsys:[/] {escape(problem)}", highlight=False, soft_wrap=True)
        else:
            _complain(problem)
    if not ran.succeeded:
        err.print(
            f"What was made before it stays as it is. Run {ran.run_id}", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1)


@app.command()
def top(
    user_id: Annotated[int, typer.Argument(min=0, max=MAX_ID, help="the user's id as in the raw files")],
    dataset: Dataset = "sample",
    strategy: Annotated[
        str | None,
        typer.Option(help="als, hybrid, like_ensemble, … as in the table recommendations; else the champion"),
    ] = None,
    n: Length = 10,
) -> None:
    """Show a user's recommendations; an unknown user gets the cold-start list."""
    published = _publication(dataset)
    _show(published.top(user_id, strategy=strategy or published.default_strategy(), n=n))


@app.command()
def stars(
    user_id: Annotated[int, typer.Argument(min=0, max=MAX_ID, help="the user's id as in the raw files")],
    dataset: Dataset = "sample",
    n: Length = 10,
) -> None:
    """Show the movies that a user would give most stars to, how many, and how far off that may be."""
    _show(_publication(dataset).stars(user_id, n=n))


@app.command()
def similar(
    movie: Annotated[str, typer.Argument(help="movie id, or title or part of it")],
    dataset: Dataset = "sample",
    method: Annotated[
        str, typer.Option(help="als, svdpp, content, genome, content_global, content_cluster")
    ] = "als",
    n: Length = 10,
) -> None:
    """Show the movies nearest to a movie."""
    _show(_publication(dataset).similar(movie, method=method, n=n))


@app.command()
def explain(
    user_id: Annotated[int, typer.Argument(min=0, max=MAX_ID, help="the user's id as in the raw files")],
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
    _show(replace(why.answer, title=""))
    _show(why.lineage)


@app.command()
def report(
    dataset: Dataset = "sample",
    show: Annotated[bool, typer.Option("--open", help="open the HTML report in the browser")] = False,
) -> None:
    """Show the published figures and gates, and where the full report is."""
    _summary(dataset)
    gates = Table(title="gates", title_justify="left", box=SIMPLE)
    for heading in ("gate", "measured", "must be", "distance"):
        gates.add_column(heading, justify="left" if heading == "gate" else "right")
    for gate, measured, comparison, threshold, distance in _publication(dataset).gates():
        gates.add_row(
            gate, _figure(measured, ".4g"), f"{comparison} {threshold:.4g}", _figure(distance, "+.3g")
        )
    out.print(gates)
    path = data_folder() / "reports" / f"{dataset}.html"
    out.print(f"Full report: {path}", soft_wrap=True)
    if show:
        webbrowser.open(path.as_uri())


@app.command()
def history(dataset: Dataset = "sample") -> None:
    """Show what was published when, and what was withdrawn or restored, and why."""
    publisher = _publisher(dataset)
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


@app.command()
def rollback(
    dataset: Dataset = "sample",
    to: Annotated[int | None, typer.Option(min=1, help="a generation that is kept; the one before")] = None,
    reason: Annotated[str, typer.Option(help="for the history")] = "asked for",
) -> None:
    """Withdraw the current publication: an older generation answers again until the next one is published."""
    restored = _publisher(dataset).roll_back(to=to, reason=reason)
    out.print(f"{dataset}: generation {restored.number} is current again.")


@app.command()
def models(dataset: Dataset = "sample") -> None:
    """List the versions of the content engine: which one serves, and why the others don't."""
    versions = _publication(dataset).models()
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
            _figure(silhouette, ".4f"),
            _figure(lift, ".2f"),
            _figure(low, ".2f"),
            decision,
            f"{created_at:%Y-%m-%d %H:%M} UTC",
        )
    out.print(table)
    for version, *_, reason, _ in versions:
        out.print(f"{version}: {escape(reason or 'the run ended before the decision')}", soft_wrap=True)


@app.command()
def champions(dataset: Dataset = "sample", n: Length = 10) -> None:
    """Show who answers by default, and the last decisions: how far from the gate, and what blocked a challenger."""
    published = _publication(dataset)
    table = Table(title=f"champions of {dataset}", title_justify="left", box=SIMPLE)
    for heading in ("task", "strategy", "figure", "since (UTC)"):
        table.add_column(heading, no_wrap=heading != "figure")
    for task, strategy, _, metric, value, low, high, since, _ in published.champions():
        interval = "" if low is None or high is None else f" ({_interval(low, high)})"
        table.add_row(
            task, strategy, f"{metric} {_figure(value, '.4f')}{interval}", f"{since:%Y-%m-%d %H:%M}"
        )
    out.print(table)
    for at, task, look, decision, *_, reason in published.promotions(n=n):
        out.print(f"{at:%Y-%m-%d %H:%M} {task}, look {look}, {decision}: {escape(reason)}", soft_wrap=True)


@app.command()
def forget(
    user_id: Annotated[int, typer.Argument(min=0, max=MAX_ID, help="the user's id as in the raw files")],
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
    published = [name for name in concerned if _publisher(name).current()]
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
        _complain(f"user {user_id} is still named by {'; '.join(left)}")
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


@app.command()
def dev(port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 3000) -> None:
    """Serve Dagster's web UI with its daemon. It has no login: it listens on 127.0.0.1 alone."""
    from recsys_assets.launch import prepare_home

    prepare_home()
    workspace = str(project_folder() / "workspace.yaml")
    options = ["--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "dagster", "dev", *options])


@app.command()
def serve(
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="name in data/datasets.toml; the newest published one"),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port")] = 8000,
    host: Annotated[
        str, typer.Option(help="address to listen on; without an API key keep it local")
    ] = "127.0.0.1",
    workers: Annotated[int, typer.Option(min=1, max=64, help="processes")] = 1,
) -> None:
    """Serve the API and the web app over what is published."""
    registry = load_registry(data_folder() / "datasets.toml")
    chosen = registry.dataset(dataset).name if dataset else newest_published(data_folder(), registry.datasets)
    if missing := [name for name in ("fastapi", "uvicorn", "prometheus_client") if not find_spec(name)]:
        raise SettingsError(
            f"serving needs {' and '.join(missing)}: install the extra with `pip install 'recsys-assets[serve]'`"
        )
    from recsys_assets.serving.running import run_server

    run_server(chosen or "sample", host=host, port=port, workers=workers)


@app.command()
def datasets() -> None:
    """List the data sets of the registry and what is published of them."""
    table = Table(box=SIMPLE)
    for heading in ("name", "published", "title"):
        table.add_column(heading, no_wrap=heading == "name")
    for spec in load_registry(data_folder() / "datasets.toml").datasets.values():
        table.add_row(spec.name, Published(data_folder(), spec.name).state(), spec.title)
    out.print(table)


def _summary(dataset: str) -> None:
    published = _publication(dataset)
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
            _figure(ndcg, ".4f"),
            _interval(low, high),
            _figure(recall, ".4f"),
            _figure(hits, ".3f"),
            _figure(coverage, ".3f"),
        )
    out.print(table)
    _stars_summary(published)
    _likes_summary(published)
    out.print(f"Tables: {published.path}", soft_wrap=True)


def _windows_summary(dataset: str, board: list[tuple[Any, ...]]) -> None:
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
            _figure(popularity, ".3f"),
            _figure(hybrid, ".3f"),
            UNKNOWN if low is None else f"{low:+.2f} to {high:+.2f}",
            _figure(bias, ".3f"),
            _figure(svdpp, ".3f"),
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
        table.add_row(model, _figure(rmse, ".4f"), _interval(low, high), _figure(mae, ".4f"), *over_folds)
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
            _figure(auc, ".3f"),
            _interval(low, high),
            *(_figure(value, ".4f") for value in others),
        )
    out.print(table)


def _show(answer: Answer) -> None:
    table = Table(title=escape(answer.title), title_justify="left", box=SIMPLE)
    for heading in answer.headings:
        table.add_column(heading, justify="left" if heading in ("title", "genres") else "right")
    for row in answer.rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _publisher(dataset: str) -> Publisher:
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    return Publisher(data_folder() / "published", dataset)


def _publication(dataset: str) -> Published:
    load_registry(data_folder() / "datasets.toml").dataset(dataset)
    return Published(data_folder(), dataset)


def _complain(problem: str) -> None:
    # Brackets in what users typed and in titles are no markup.
    err.print(f"[red]recsys:[/] {escape(problem)}", highlight=False, soft_wrap=True)


def _cell(value: object) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def _figure(value: float | None, form: str) -> str:
    """A figure, or a dash where there was too little to judge."""
    return UNKNOWN if value is None else format(value, form)


def _interval(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None else f"{low:.3f}–{high:.3f}"
