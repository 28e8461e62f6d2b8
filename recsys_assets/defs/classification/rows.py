"""What held-out rows chose, as rows of tables and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recsys_assets.algorithms.liking.boost import TriedBoost
from recsys_assets.algorithms.liking.calibration import Calibrator
from recsys_assets.algorithms.liking.learning import VARIANTS, LikeChoice

__all__ = ["LikeSettings", "blend_rows", "calibration_rows", "read_settings", "settings_rows"]

WEIGHT, STRENGTH = "classifier_weight", "boost_strength"


@dataclass(frozen=True)
class LikeSettings:
    """What validation rows chose, as the tables have it."""

    n_trees: Mapping[str, int]
    classifier: str
    regressor: str
    calibrators: Mapping[str, Calibrator]
    weight: float
    boost_kind: str
    boost_strength: float


def settings_rows(choice: LikeChoice) -> pd.DataFrame:
    """Rows of ``like_settings``."""
    return pd.DataFrame(
        {
            "model": [tried.name for tried in choice.tried],
            "objective": [VARIANTS[tried.name].objective for tried in choice.tried],
            "with_time": [VARIANTS[tried.name].with_time for tried in choice.tried],
            "n_trees": [tried.n_trees for tried in choice.tried],
            "log_loss": [tried.log_loss for tried in choice.tried],
            "auc": [tried.auc for tried in choice.tried],
            "chosen": [tried.chosen for tried in choice.tried],
        }
    )


def calibration_rows(calibrators: Mapping[str, Calibrator]) -> pd.DataFrame:
    """Rows of ``like_calibration``."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "model": name,
                    "node": np.arange(1, curve.score.size + 1),
                    "method": curve.method,
                    "of_probabilities": curve.of_probabilities,
                    "score": curve.score,
                    "probability": curve.probability,
                }
            )
            for name, curve in calibrators.items()
        ],
        ignore_index=True,
    )


def blend_rows(choice: LikeChoice, boosts: Sequence[TriedBoost]) -> pd.DataFrame:
    """Rows of ``like_blend``."""
    weights = [
        (WEIGHT, "", weight, loss, weight == choice.weight.chosen)
        for weight, loss in zip(choice.weight.weight, choice.weight.log_loss, strict=True)
    ]
    strengths = [(STRENGTH, one.kind, one.strength, one.log_loss, one.chosen) for one in boosts]
    rows = [(name, kind or "none", *rest) for name, kind, *rest in (*weights, *strengths)]
    return pd.DataFrame(rows, columns=["parameter", "clusters", "value", "log_loss", "chosen"])


def read_settings(
    like_settings: pd.DataFrame, like_calibration: pd.DataFrame, like_blend: pd.DataFrame
) -> LikeSettings:
    """What the three tables say was chosen."""
    chosen = like_settings[like_settings["chosen"]].set_index("objective")["model"]
    blend = like_blend[like_blend["chosen"]].set_index("parameter")
    return LikeSettings(
        n_trees=dict(zip(like_settings["model"], like_settings["n_trees"].astype(int), strict=True)),
        classifier=str(chosen["like"]),
        regressor=str(chosen["stars"]),
        calibrators={
            str(name): Calibrator(
                str(nodes["method"].iloc[0]),
                bool(nodes["of_probabilities"].iloc[0]),
                nodes["score"].to_numpy(),
                nodes["probability"].to_numpy(),
            )
            for name, nodes in like_calibration.sort_values("node").groupby("model")
        },
        weight=float(blend["value"][WEIGHT]),
        boost_kind=str(blend["clusters"][STRENGTH]),
        boost_strength=float(blend["value"][STRENGTH]),
    )
