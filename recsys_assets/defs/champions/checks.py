"""Gates of challengers: the champions stand behind them."""

from collections.abc import Iterator

import dagster as dg

from recsys_assets.defs.champions.decision import NOTHING, faults
from recsys_assets.defs.champions.tasks import TASKS
from recsys_assets.defs.contract_checks import contract_check
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.partitions import DATASETS
from recsys_assets.storage.promotions import KEPT, NONE

contracts = [
    contract_check(dg.AssetKey("validation_scores")),
    contract_check(dg.AssetKey("challengers"), dg.AssetKey("promotion_comparisons")),
    contract_check(dg.AssetKey("champions"), dg.AssetKey("promotions")),
]


@dg.multi_asset_check(
    name="promotion",
    specs=[
        dg.AssetCheckSpec(
            name,
            asset="challengers",
            blocking=True,
            partitions_def=DATASETS,
            additional_deps=["promotion_comparisons", "validation_scores", "evaluation"],
            description=(
                f"The challenger of {name} is the best on validation rows, learned from no test row, and the decision "
                "follows from its rows; the champion is not worse on the same rows than when it was crowned. A "
                "challenger that isn't shown to be better warns: the champion stays, and the run goes on."
            ),
        )
        for name in TASKS
    ],
)
def promotion(context: dg.AssetCheckExecutionContext, project: Project) -> Iterator[dg.AssetCheckResult]:
    """Whether each task's decision may be acted on, and what it is."""
    dataset = partition_of(context)
    challengers, comparisons, validation, evaluation = (
        project.warehouse.frame(dataset, f"from {name}")
        for name in ("challengers", "promotion_comparisons", "validation_scores", "evaluation")
    )
    table = challengers.astype(object).set_index("task", drop=False)
    rows = {
        str(task): {str(column): value for column, value in row.items()}
        for task, row in table.where(table.notna(), None).to_dict("index").items()
    }
    for name in TASKS:
        if name not in rows:
            yield _result(name, passed=True, description="no strategy could be judged on validation rows")
            continue
        row = rows[name]
        wrong = faults(row, comparisons, validation, evaluation)
        stays = row["decision"] in (KEPT, NONE)
        shown = {
            "measured": row["ci_low"],
            "threshold": None if row["decision"] == NOTHING else 0.0,
            "distance": row["distance"],
            "gain": row["difference"],
            "p_value": row["p_value"],
            "level": row["alpha"],
            "look": row["look"],
            "blocked_by": row["blocked_by"],
            "weakest_segment": row["weakest_segment"],
        }
        yield _result(
            name,
            passed=not wrong and not stays,
            severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
            description="; ".join(wrong) or row["reason"],
            metadata={
                key: value if isinstance(value, str) else float(value)
                for key, value in shown.items()
                if value is not None
            },
        )


def _result(name: str, **facts: object) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(asset_key="challengers", check_name=name, **facts)  # type: ignore[arg-type]
