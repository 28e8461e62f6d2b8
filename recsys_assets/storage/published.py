"""Read a publication: what people ask of it, as queries over the stable file, read-only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from recsys_assets.storage.publishing import Publisher

__all__ = ["Answer", "NotFoundError", "NotPublishedError", "Published"]

MATCHES_SHOWN = 10
LIKELY = 0.75
"""Score from which a title may be the one that was meant; below, runs of letters are alike, no more."""
LEAD = 0.1
"""By how much a title must be a better match than any other, to be taken without being the whole of a name."""

_PLACE = ("rank", "movie_id", "title", "genres")

_LEADERBOARD = """
    select model, ndcg.value, ndcg.ci_low, ndcg.ci_high, recall.value, hits.value, coverage.value, ndcg.n_users
    from (from evaluation where metric = 'ndcg') ndcg
    join (from evaluation where metric = 'recall') recall using (model, split, segment, k)
    join (from evaluation where metric = 'hit_rate') hits using (model, split, segment, k)
    join (from evaluation where metric = 'coverage') coverage using (model, split, segment, k)
    where split = 'test' and segment = 'all' and k = 10
    order by ndcg.value desc, model
"""


_STARS = """
    select model, t.value, t.ci_low, t.ci_high, mae.value, t.n_users, folds.split, folds.value, spread.value
    from evaluation as t
    join evaluation as mae using (model, split, segment, k)
    left join (from evaluation where split <> 'test' and segment = 'all' and metric = 'rmse') as folds using (model)
    left join (from evaluation where split <> 'test' and segment = 'all' and metric = 'rmse_std') as spread
        using (model)
    where t.split = 'test' and t.segment = 'all' and t.metric = 'rmse' and mae.metric = 'mae'
    order by t.value, model
"""


_LIKES = """
    select model, auc.value, auc.ci_low, auc.ci_high, own.value, loss.value, brier.value, auc.n_users
    from (from evaluation where metric = 'auc') auc
    join (from evaluation where metric = 'auc_per_user') own using (model, split, segment, k)
    join (from evaluation where metric = 'log_loss') loss using (model, split, segment, k)
    join (from evaluation where metric = 'brier') brier using (model, split, segment, k)
    where split = 'test' and segment = 'all'
    order by auc.value desc, model
"""

_BY_ID = "select movie_id, title, 1 from movies where movie_id = try_cast(? as bigint)"

_SEARCHED = """
    select movie_id, movies.title, max(found.score) as score
    from search_titles(?) as found join movies using (movie_id)
    group by all order by score desc, movie_id
"""

# Files that were published before titles could be searched.
_CONTAINING = r"""
    with asked as (select lower(?) as text)
    select movie_id, title,
           if(text in (lower(title), lower(regexp_replace(title, '\s*\(\d{4}\)\s*$', ''))), 1, 0.8::double) as score
    from movies join asked on contains(lower(title), text)
    order by score desc, starts_with(lower(title), text) desc, title
"""


class NotPublishedError(LookupError):
    """There is no publication of the data set yet."""


class NotFoundError(LookupError):
    """The publication doesn't hold what was asked for."""


@dataclass(frozen=True)
class Answer:
    """A titled list of rows under headings."""

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Published:
    """The current publication of one data set."""

    data: Path
    dataset: str

    @property
    def path(self) -> Path:
        return Publisher(self.data / "published", self.dataset).current_path

    def state(self) -> str:
        """When it was published and how often, in words."""
        if not self.path.exists():
            return "–"
        number, at = self._rows("select generation, published_at from publication")[0]
        return f"{at:%Y-%m-%d %H:%M} UTC, generation {number}"

    def leaderboard(self) -> list[tuple[Any, ...]]:
        """(model, ndcg, ci_low, ci_high, recall, hit rate, coverage, n_users) at 10 on test rows, best first."""
        return self._rows(_LEADERBOARD)

    def stars_board(self) -> list[tuple[Any, ...]]:
        """(model, rmse, ci_low, ci_high, mae, n_users, folds, mean rmse over these, its std), least error first.

        The last three are None where nobody asked for cross-validation.
        """
        return self._rows(_STARS)

    def likes_board(self) -> list[tuple[Any, ...]]:
        """(model, auc, ci_low, ci_high, auc per user, log loss, brier, n_users) of like probabilities, best first."""
        return self._rows(_LIKES)

    def gates(self) -> list[tuple[Any, ...]]:
        """(gate, measured, comparison, threshold, distance) of each gate."""
        return self._rows("select gate, measured, comparison, threshold, distance from gates")

    def models(self) -> list[tuple[Any, ...]]:
        """(version, stage, alias, silhouette, lift, its lower end, decision, reason, created_at), newest first."""
        return self._rows(
            "select version, stage, alias, silhouette, lift, lift_ci_low, decision, reason, created_at "
            "from model_versions order by version desc"
        )

    def champions(self) -> list[tuple[Any, ...]]:
        """(task, strategy, version, metric, value, ci_low, ci_high, promoted_at, reason) of who answers by default."""
        return self._rows(
            "select task, strategy, version, metric, value, ci_low, ci_high, promoted_at, reason from champions"
        )

    def promotions(self, *, n: int) -> list[tuple[Any, ...]]:
        """(decided_at, task, look, decision, challenger, champion, blocked_by, distance, reason), the newest first."""
        return self._rows(
            "select decided_at, task, look, decision, challenger, champion, blocked_by, distance, reason "
            "from promotions order by number desc limit ?",
            [n],
        )

    def default_strategy(self) -> str:
        """The champion of lists; the hybrid where there is none, as in files that are older than champions."""
        known = self._rows("select 1 from duckdb_tables() where table_name = 'champions'")
        named = self._rows("select strategy from champions where task = 'ranking'") if known else []
        return str(named[0][0]) if named else "hybrid"

    def top(self, user_id: int, *, strategy: str, n: int) -> Answer:
        """A user's list: (rank, movie_id, title, genres, score).

        A user whom the strategy knows nothing of gets the cold-start list, and the title says so.

        Raises
        ------
        NotFoundError
            If there is no such strategy; the message has those there are.
        """
        self._require("strategy", strategy, "recommendations")
        headings = (*_PLACE, "score")
        rows = self._rows(
            "select rank, movie_id, title, array_to_string(genres, ', '), score "
            "from recommendations join movies using (movie_id) "
            "where strategy = ? and user_id = ? and rank <= ? order by rank",
            [strategy, user_id, n],
        )
        if rows:
            return Answer(f"{strategy} for user {user_id} of {self.dataset}", headings, rows)
        cold = self._rows(
            "select rank, movie_id, title, array_to_string(genres, ', '), mean_rating "
            "from cold_start join movies using (movie_id) where rank <= ? order by rank",
            [n],
        )
        return Answer(
            f"user {user_id} is not known to {strategy} on {self.dataset}: popular, good and varied instead "
            "(score = mean stars)",
            headings,
            cold,
        )

    def stars(self, user_id: int, *, n: int) -> Answer:
        """What the user would give most stars to: (rank, movie_id, title, genres, stars, expected error, confidence).

        A user of whom nothing is known gets the cold-start list, with the stars to expect of anybody.
        """
        headings = (*_PLACE, "stars", "± error", "confidence")
        rows = self._rows(
            "select rank, movie_id, title, array_to_string(genres, ', '), predicted_rating, expected_error, confidence "
            "from predicted_ratings_top join movies using (movie_id) where user_id = ? and rank <= ? order by rank",
            [user_id, n],
        )
        if rows:
            return Answer(f"most stars for user {user_id} of {self.dataset}", headings, rows)
        cold = self._rows(
            "select rank, movie_id, title, array_to_string(genres, ', '), predicted_rating, null, 'unknown user' "
            "from cold_start join default_ratings using (movie_id) join movies using (movie_id) "
            "where rank <= ? order by rank",
            [n],
        )
        return Answer(
            f"user {user_id} is not known on {self.dataset}: popular, good and varied instead", headings, cold
        )

    def similar(self, movie: str, *, method: str, n: int) -> Answer:
        """The neighbours of a movie: (rank, movie_id, title, genres, similarity).

        Raises
        ------
        NotFoundError
            If there is no such method or movie, the movie has no neighbours, or several titles match equally well;
            the message lists them with their ids.
        """
        self._require("method", method, "similar_movies")
        movie_id, title = self.movie(movie)
        rows = self._rows(
            "select rank, similar_movie_id, title, array_to_string(genres, ', '), similarity "
            "from similar_movies s join movies m on m.movie_id = s.similar_movie_id "
            "where method = ? and s.movie_id = ? and rank <= ? order by rank",
            [method, movie_id, n],
        )
        if not rows:
            raise NotFoundError(f"{method} knows nothing of {title} ({movie_id}); try another --method")
        headings = (*_PLACE, "similarity")
        return Answer(f"nearest to {title} ({movie_id}) by {method}, {self.dataset}", headings, rows)

    def movie(self, asked: str) -> tuple[int, str]:
        """Id and title of the movie with that id or title: the whole of one, or clearly the best match.

        Raises
        ------
        NotFoundError
            If there is none, or several match equally well; the message lists them with their ids.
        """
        found = self._rows(_BY_ID, [asked]) if asked.isdecimal() else []
        found = found or self._titled(asked)
        best = found[0][2] if found else 0
        if best < LIKELY:
            near = f"; near it are {_listed(found)}" if found else ""
            raise NotFoundError(f"no movie {asked!r} in {self.dataset}{near}")
        meant = [row for row in found if row[2] >= (1 if best == 1 else best - LEAD)]
        if len(meant) > 1:
            raise NotFoundError(f"{len(meant)} movies match {asked!r}, give an id: {_listed(meant)}")
        movie_id, title, _ = meant[0]
        return movie_id, title

    def _titled(self, asked: str) -> list[tuple[Any, ...]]:
        """(movie_id, title, score) of movies with such a title, best first; 1 = the whole of a name."""
        searchable = self._rows("select 1 from duckdb_functions() where function_name = 'search_titles'")
        return self._rows(_SEARCHED if searchable else _CONTAINING, [asked])

    def _require(self, column: str, value: str, table: str) -> None:
        known = [row[0] for row in self._rows(f"select distinct {column} from {table} order by 1")]
        if value not in known:
            raise NotFoundError(f"no {column} {value!r} in {self.dataset}; there are {', '.join(known)}")

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._connect() as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    @contextmanager
    def _connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.path.exists():
            raise NotPublishedError(
                f"{self.dataset} has not been published yet: recsys run --dataset {self.dataset}"
            )
        with duckdb.connect(
            str(self.path),
            read_only=True,
            config={"enable_external_access": "false", "lock_configuration": "true"},
        ) as connection:
            yield connection


def _listed(found: Sequence[tuple[Any, ...]]) -> str:
    listed = "; ".join(f"{number}: {title}" for number, title, _ in found[:MATCHES_SHOWN])
    return f"{listed}; and {len(found) - MATCHES_SHOWN} more" if len(found) > MATCHES_SHOWN else listed
