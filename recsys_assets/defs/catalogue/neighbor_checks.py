"""Gates of neighbours by content and of what is said of them: contracts, and no movie is like itself."""

import dagster as dg

from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS

contracts = [
    contract_check(dg.AssetKey("catalogue_similar_movies"), dg.AssetKey("catalogue_recall")),
    contract_check(dg.AssetKey("catalogue_relevance")),
    contract_check(dg.AssetKey("catalogue_claims")),
]


@dg.asset_check(
    asset="catalogue_similar_movies",
    blocking=True,
    partitions_def=DATASETS,
    additional_deps=["catalogue_clusters"],
)
def neighbours_are_others(context: dg.AssetCheckExecutionContext, project: Project) -> dg.AssetCheckResult:
    """No movie is its own neighbour or has one twice; ranks have no gaps, and the nearer is never below the farther."""
    faults = project.warehouse.frame(
        partition_of(context),
        """
        with ordered as (
            select *, lag(similarity) over (partition by method, tmdb_id order by rank) as before,
                   row_number() over (partition by method, tmdb_id order by rank) as place
            from catalogue_similar_movies
        )
        select count(*) filter (tmdb_id = similar_tmdb_id) as own,
               count(*) - count(distinct (method, tmdb_id, similar_tmdb_id)) as repeated,
               count(*) filter (place <> rank) as gaps,
               count(*) filter (similarity > before) as out_of_order,
               count(*) as judged
        from ordered
        """,
    ).iloc[0]
    counts = {str(name): int(value) for name, value in faults.items()}
    n_judged = counts.pop("judged")
    return dg.AssetCheckResult(
        passed=not any(counts.values()),
        description=None if n_judged else "there is no catalogue, so there is nothing to judge",
        metadata=counts | {"judged": n_judged},
    )
