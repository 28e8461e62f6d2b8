"""What the world reads: one DuckDB file a data set, made of live lists and judged figures, behind all gates."""

import datetime as dt
from collections.abc import Set

import dagster as dg
import pandas as pd

from recsys_assets.contracts import PUBLISHED, PUBLISHED_IF_MADE, TABLES
from recsys_assets.defs.common import AUTOMATION, dataset_asset
from recsys_assets.defs.fits import LIVE
from recsys_assets.defs.provenance import failed_checks, latest_materializations, provenance
from recsys_assets.defs.publish.withdrawal import withdraw_unchecked
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.strategies import SIMILARITY_METHODS, STRATEGIES
from recsys_assets.defs.versions import code_version
from recsys_assets.defs.whole import ancestors
from recsys_assets.storage.explaining import STARS
from recsys_assets.storage.forgetting import Forgotten
from recsys_assets.storage.publishing import Publisher, published_faults
from recsys_assets.storage.warehouse import Select, TableLike

CODE = code_version(__name__)
GROUP = "publish"


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=[LIVE.key(f"{strategy}_recommendations") for strategy in STRATEGIES],
    code_version=CODE,
    description=TABLES["recommendations"].comment,
)
def recommendations() -> Select:
    return Select(
        " union all ".join(f"select '{s}' as strategy, * from live__{s}_recommendations" for s in STRATEGIES)
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb", "table"},
    deps=[LIVE.key(f"{method}_similar_movies") for method in SIMILARITY_METHODS],
    code_version=CODE,
    description=TABLES["similar_movies"].comment,
)
def similar_movies() -> Select:
    return Select(
        " union all ".join(
            f"select '{m}' as method, * from live__{m}_similar_movies" for m in SIMILARITY_METHODS
        )
    )


@dataset_asset(
    group_name=GROUP,
    kinds={"duckdb"},
    deps=[
        *(name for name in PUBLISHED if name not in ("cold_start", "versions", "lineage", "publication")),
        *PUBLISHED_IF_MADE,
        LIVE.key("cold_start"),
        "evaluation_report",
    ],
    code_version=CODE,
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=dt.timedelta(days=7), warn_window=dt.timedelta(days=2)
    ),
)
def published(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """data/published/<data set>.duckdb: recommendations, neighbours and the figures that vouch for them.

    A new generation is written beside the old ones, read back, and made current by one rename; the last three stay,
    each with the ratings that it was made of, except those that name a user who was forgotten since.
    A failed check stops only what is downstream in its own run: the checks of all that is published are read again.
    """
    dataset = partition_of(context)
    made_of = latest_materializations(context.instance, sorted(ancestors(context.asset_key)), dataset)
    failed = failed_checks(context.instance, made_of)
    if failed:
        raise dg.Failure(f"Not published: {', '.join(failed)} failed; the last publication stays current.")
    publisher = Publisher(project.folder / "published", dataset)
    number = publisher.next_number()
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    tables: dict[str, TableLike] = {
        **{
            name: Select(f"from warehouse.{name}")
            for name in (*PUBLISHED, *PUBLISHED_IF_MADE)
            if name in PUBLISHED or project.warehouse.has(dataset, name)
        },
        "cold_start": Select("from warehouse.live__cold_start"),
        "versions": provenance(made_of),
        "lineage": lineage(made_of.keys()),
        "publication": pd.DataFrame(
            {
                "dataset": [dataset],
                "generation": [number],
                "published_at": [now],
                "run_id": [context.run.run_id],
                "licence": [project.spec(context).licence],
            }
        ),
    }
    staging = publisher.stage(number, project.warehouse.path(dataset), tables)
    faults = published_faults(staging, tables)
    if faults:
        staging.unlink()
        raise dg.Failure(f"Not published: {'; '.join(faults)}; the last publication stays current.")
    learned = project.artifact_path(dataset, LIVE.key("interactions"))
    if fate := withdraw_unchecked(publisher, run_id=context.run.run_id):
        context.log.warning(f"The run that published last was killed before its check: {fate}")
    generation = publisher.make_current(number, staging, run_id=context.run.run_id, learned=learned)
    publisher.forget(Forgotten(project.folder, dataset).ids())
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(str(publisher.current_path)),
            "generation": generation.number,
            "generations_kept": len(publisher.generations()),
            "size_bytes": generation.path.stat().st_size,
        }
    )


def lineage(made: Set[dg.AssetKey]) -> pd.DataFrame:
    """The rows of the published table ``lineage``, of assets that were made."""
    lists = {strategy: LIVE.key(f"{strategy}_recommendations") for strategy in STRATEGIES}
    made_of = {
        strategy: sorted(asset.to_user_string() for asset in (ancestors(key) | {key}) & made)
        for strategy, key in sorted((lists | {STARS: LIVE.key(STARS)}).items())
    }
    rows = [(strategy, asset) for strategy, assets in made_of.items() for asset in assets]
    return pd.DataFrame(rows, columns=TABLES["lineage"].column_names)


# The slow evaluation is made when someone asks for it: nothing waits for it.
published = published.map_asset_specs(
    lambda asset: asset.replace_attributes(
        automation_condition=AUTOMATION.ignore(dg.AssetSelection.assets(*PUBLISHED_IF_MADE))
    )
)
