"""Boosted trees that predict a like or the stars: XGBoost's, and as an optional variant LightGBM's.

The trees are kept as the library's own bytes, which it can load without this project. Throughout, ``values`` are
features of shape (n_rows, n_features), NaN where a value is missing.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypedDict, Unpack

import numpy as np
import xgboost
from numpy.typing import NDArray

__all__ = [
    "OBJECTIVES",
    "BoostedTrees",
    "ContributionSummary",
    "Growth",
    "Importance",
    "LightTrees",
    "Trees",
    "choose_n_trees",
    "fit_lightgbm",
    "fit_trees",
    "summarize_contributions",
]

Values = NDArray[np.float64]
Features = NDArray[np.float32]
Names = NDArray[np.str_]

OBJECTIVES = {"like": ("binary:logistic", "logloss"), "stars": ("reg:squarederror", "rmse")}
"""XGBoost's names of each objective and of the loss that held-out rows judge it by."""
_LIGHT_OBJECTIVES = {"like": "binary", "stars": "regression"}


class Growth(TypedDict):
    """How trees grow.

    Attributes
    ----------
    learning_rate : factor of each tree's values
    min_child_weight : least sum of second derivatives in a leaf: rows for stars, Σ p (1 − p) for likes
    subsample : share of the rows that each tree sees
    column_share : share of the features that each tree may split on
    regularization : λ of the penalty ½ λ Σ (leaf value)²
    n_threads : has no influence on the trees. Where other work holds a core, threads wait for each other: 2 took 20
        times as long as 1
    """

    learning_rate: float
    max_depth: int
    min_child_weight: float
    subsample: float
    column_share: float
    regularization: float
    n_threads: int
    seed: int


class Trees(Protocol):
    """Fitted trees, whichever library they are of."""

    def predict(self, values: Features) -> NDArray[np.float32]:
        """Probability of a like, or stars, of each row: shape (n_rows,)."""
        ...

    def contributions(self, values: Features) -> NDArray[np.float32]:
        """What each feature adds to each row's margin, and last the bias: shape (n_rows, n_features + 1).

        A row sums to the margin: the log-odds of a like, or the stars. Exact Shapley values of the trees (Lundberg
        et al. 2020, "From local explanations to global understanding with explainable AI for trees").
        """
        ...


@dataclass(frozen=True)
class Importance:
    """Use of each feature in the trees, shape (n_features,) each; 0 for a feature that no tree splits on.

    Attributes
    ----------
    gain : mean reduction of the training loss over its splits
    weight : number of its splits
    """

    gain: Values
    weight: Values

    @property
    def share(self) -> Values:
        """Part of the whole reduction, gain · weight / Σ gain · weight; 0 everywhere if nothing was split."""
        total = self.gain * self.weight
        share: Values = total / (total.sum() or 1)
        return share


@dataclass(frozen=True)
class ContributionSummary:
    """What each feature does to predictions, shape (n_features,) each.

    Attributes
    ----------
    mean_absolute : mean over rows of |contribution|, in log-odds or stars
    direction : correlation of the feature's values with its contributions, from −1 (high values lower the prediction)
        to 1; 0 where either is constant
    """

    mean_absolute: Values
    direction: Values


@dataclass(frozen=True)
class BoostedTrees:
    """XGBoost's trees (Chen & Guestrin 2016, "XGBoost: a scalable tree boosting system").

    Attributes
    ----------
    ubj : bytes of XGBoost's own UBJSON format
    feature_names : shape (n_features,), in the order of the columns of ``values``
    objective : a key of ``OBJECTIVES``
    """

    ubj: NDArray[np.uint8]
    feature_names: Names
    objective: str

    def predict(self, values: Features) -> NDArray[np.float32]:
        """Probability of a like, or stars, of each row: shape (n_rows,).

        Raises
        ------
        ValueError
            If the number of columns is not that of the features.
        """
        _check_width(values, self.feature_names)
        predicted: NDArray[np.float32] = self.booster.inplace_predict(values)
        return predicted

    def contributions(self, values: Features) -> NDArray[np.float32]:
        """What each feature adds to each row's margin, and last the bias; see :class:`Trees`."""
        _check_width(values, self.feature_names)
        rows = xgboost.DMatrix(values, feature_names=self.feature_names.tolist())
        parts: NDArray[np.float32] = self.booster.predict(rows, pred_contribs=True)
        return parts

    def importance(self) -> Importance:
        """How often and with what gain the trees split on each feature."""
        return Importance(self._scores("gain"), self._scores("weight"))

    @cached_property
    def booster(self) -> xgboost.Booster:
        """XGBoost's own object of these trees."""
        booster = xgboost.Booster()
        booster.load_model(bytearray(self.ubj))
        return booster

    def _scores(self, kind: str) -> Values:
        scores = self.booster.get_score(importance_type=kind)
        return np.array([scores.get(name, 0.0) for name in self.feature_names.tolist()], dtype=np.float64)


@dataclass(frozen=True)
class LightTrees:
    """LightGBM's trees (Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree").

    Attributes
    ----------
    text : bytes of LightGBM's own text format, in which features are named by column number
    feature_names, objective : as of :class:`BoostedTrees`
    """

    text: NDArray[np.uint8]
    feature_names: Names
    objective: str

    def predict(self, values: Features) -> NDArray[np.float32]:
        """Probability of a like, or stars, of each row: shape (n_rows,)."""
        _check_width(values, self.feature_names)
        return np.asarray(self.booster.predict(values), dtype=np.float32)

    def contributions(self, values: Features) -> NDArray[np.float32]:
        """What each feature adds to each row's margin, and last the bias; see :class:`Trees`."""
        _check_width(values, self.feature_names)
        return np.asarray(self.booster.predict(values, pred_contrib=True), dtype=np.float32)

    @cached_property
    def booster(self) -> Any:
        """LightGBM's own object of these trees."""
        return _lightgbm().Booster(model_str=self.text.tobytes().decode())


def fit_trees(
    values: Features,
    target: NDArray[np.generic],
    *,
    feature_names: Names,
    objective: str,
    n_trees: int,
    **growth: Unpack[Growth],
) -> BoostedTrees:
    """Fit XGBoost's classifier of likes or regressor of stars, by histograms; same seed, same bytes.

    Each tree fits the second-order expansion of the loss at the sum of the trees before it; the loss is
    −Σ log P(like as observed), or ½ Σ (stars − predicted)².

    Parameters
    ----------
    target : shape (n_rows,), whether liked, or stars
    objective : ``like`` or ``stars``
    growth : see :class:`Growth`

    Raises
    ------
    ValueError
        If there are no rows, or shapes don't agree, or the objective is another.
    """
    rows = _training_rows(values, target, feature_names, objective, growth["n_threads"])
    booster = xgboost.train(_parameters(objective, growth), rows, n_trees)
    ubj = np.frombuffer(booster.save_raw("ubj"), dtype=np.uint8)
    return BoostedTrees(ubj, np.asarray(feature_names, dtype=np.str_), objective)


def choose_n_trees(
    values: Features,
    target: NDArray[np.generic],
    held_out_values: Features,
    held_out_target: NDArray[np.generic],
    *,
    feature_names: Names,
    objective: str,
    max_trees: int,
    patience: int,
    **growth: Unpack[Growth],
) -> tuple[int, Values]:
    """Grow trees until ``patience`` more don't lower the held-out loss; tell how many were best.

    Parameters
    ----------
    max_trees : most trees tried
    others as of :func:`fit_trees`

    Returns
    -------
    the number of trees with the least loss, the fewest of equals; and the curve, shape (n_tried,): the held-out loss
    after each tree, log loss for likes and RMSE for stars

    Raises
    ------
    ValueError
        As of :func:`fit_trees`, for either rows.
    """
    n_threads = growth["n_threads"]
    rows = _training_rows(values, target, feature_names, objective, n_threads)
    held_out = _training_rows(held_out_values, held_out_target, feature_names, objective, n_threads)
    losses: dict[str, dict[str, list[float]]] = {}
    xgboost.train(
        _parameters(objective, growth),
        rows,
        max_trees,
        evals=[(held_out, "held_out")],
        early_stopping_rounds=patience,
        evals_result=losses,
        verbose_eval=False,
    )
    curve = np.array(losses["held_out"][OBJECTIVES[objective][1]])
    return int(curve.argmin()) + 1, curve


def fit_lightgbm(
    values: Features,
    target: NDArray[np.generic],
    *,
    feature_names: Names,
    objective: str,
    n_trees: int,
    **growth: Unpack[Growth],
) -> LightTrees:
    """Fit LightGBM's trees, grown leaf by leaf to at most 2^max_depth leaves; arguments as of :func:`fit_trees`.

    Raises
    ------
    ImportError
        If LightGBM is not installed; the message names the extra.
    ValueError
        As of :func:`fit_trees`.
    """
    lightgbm = _lightgbm()
    _check_rows(values, target, feature_names, objective)
    rows = lightgbm.Dataset(values, label=np.asarray(target, dtype=np.float32))
    text = lightgbm.train(_light_parameters(objective, growth), rows, n_trees).model_to_string()
    encoded = np.frombuffer(text.encode(), dtype=np.uint8)
    return LightTrees(encoded, np.asarray(feature_names, dtype=np.str_), objective)


def summarize_contributions(values: Features, contributions: NDArray[np.floating]) -> ContributionSummary:
    """Mean size and direction of each feature's contributions.

    Missing values count for the size, not for the direction.

    Parameters
    ----------
    contributions : shape (n_rows, n_features + 1), see :class:`Trees`; the bias is left out
    """
    parts = contributions[:, :-1].astype(np.float64)
    known = ~np.isnan(values)
    varies = np.where(known, values, np.inf).min(axis=0) < np.where(known, values, -np.inf).max(axis=0)
    x, y = _centred(np.where(known, values, 0.0), known), _centred(parts, known)
    scale = np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum(axis=0))
    direction = np.divide((x * y).sum(axis=0), scale, out=np.zeros_like(scale), where=varies & (scale > 0))
    return ContributionSummary(np.abs(parts).mean(axis=0), direction)


def _centred(columns: Values, known: NDArray[np.bool_]) -> Values:
    mean = (columns * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred: Values = np.where(known, columns - mean, 0.0)
    return centred


def _training_rows(
    values: Features, target: NDArray[np.generic], feature_names: Names, objective: str, n_threads: int
) -> xgboost.DMatrix:
    _check_rows(values, target, feature_names, objective)
    names = np.asarray(feature_names).tolist()
    label = np.asarray(target, dtype=np.float32)
    return xgboost.DMatrix(values, label=label, feature_names=names, nthread=n_threads)


def _parameters(objective: str, growth: Growth) -> dict[str, object]:
    name, loss = OBJECTIVES[objective]
    return {
        "objective": name,
        "eval_metric": loss,
        "tree_method": "hist",
        "learning_rate": growth["learning_rate"],
        "max_depth": growth["max_depth"],
        "min_child_weight": growth["min_child_weight"],
        "subsample": growth["subsample"],
        "colsample_bytree": growth["column_share"],
        "reg_lambda": growth["regularization"],
        "nthread": growth["n_threads"],
        "seed": growth["seed"],
    }


def _light_parameters(objective: str, growth: Growth) -> dict[str, object]:
    return {
        "objective": _LIGHT_OBJECTIVES[objective],
        "learning_rate": growth["learning_rate"],
        "max_depth": growth["max_depth"],
        "num_leaves": 2 ** growth["max_depth"],
        "min_sum_hessian_in_leaf": growth["min_child_weight"],
        "min_data_in_leaf": 1,
        "bagging_fraction": growth["subsample"],
        "bagging_freq": 1,
        "feature_fraction": growth["column_share"],
        "lambda_l2": growth["regularization"],
        "num_threads": growth["n_threads"],
        "seed": growth["seed"],
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except ModuleNotFoundError as error:
        message = "lightgbm is not installed: install the extra, recsys-assets[lightgbm]"
        raise ImportError(message) from error


def _check_rows(values: Features, target: NDArray[np.generic], feature_names: Names, objective: str) -> None:
    if objective not in OBJECTIVES:
        raise ValueError(f"objective is {objective!r}; give one of {', '.join(OBJECTIVES)}")
    _check_width(values, feature_names)
    if not len(values) or target.shape != (len(values),):
        raise ValueError(
            f"values has {len(values)} rows and target has shape {target.shape}; give at least one row, "
            "and one target for each"
        )
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise ValueError(f"{n_infinite} values are infinite; use NaN where a value is missing")


def _check_width(values: Features, feature_names: Names) -> None:
    if values.ndim != 2 or values.shape[1] != len(feature_names):
        raise ValueError(
            f"values has shape {values.shape} and there are {len(feature_names)} features; give a column for each"
        )
