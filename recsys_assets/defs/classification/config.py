"""How like models are chosen and grown."""

import dagster as dg
from pydantic import Field

from recsys_assets.algorithms.liking.trees import Growth

__all__ = ["GrowthConfig", "LikeChoiceConfig"]


class GrowthConfig(dg.Config):
    """How trees grow; how many of them is chosen on held-out rows."""

    learning_rate: float = Field(0.1, gt=0, le=1, description="factor of each tree's values")
    max_depth: int = Field(5, ge=1, le=16, description="splits between root and leaf, at most")
    min_child_weight: float = Field(20.0, ge=0, description="least sum of second derivatives in a leaf")
    subsample: float = Field(0.8, gt=0, le=1, description="share of the rows that each tree sees")
    column_share: float = Field(0.5, gt=0, le=1, description="share of the features that each tree sees")
    regularization: float = Field(5.0, ge=0, description="λ of the squared leaf values")
    # Threads of trees that wait for each other on a busy machine take many times as long as one.
    n_tree_threads: int = Field(1, ge=1, description="threads of the trees; they don't change what grows")
    tree_seed: int = Field(0, ge=0, description="seed of what each tree sees")

    def growth(self) -> Growth:
        return Growth(
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            min_child_weight=self.min_child_weight,
            subsample=self.subsample,
            column_share=self.column_share,
            regularization=self.regularization,
            n_threads=self.n_tree_threads,
            seed=self.tree_seed,
        )


class LikeChoiceConfig(GrowthConfig):
    """What held-out rows choose among."""

    max_trees: int = Field(1500, ge=1, description="most trees tried")
    patience: int = Field(40, ge=1, description="so many trees without gain are enough")
    calibration_folds: int = Field(
        5, ge=2, description="folds of held-out rows that calibrations are compared on"
    )
    weight_steps: int = Field(20, ge=1, description="weights of the classifier to try, evenly from 0 to 1")
    strengths: list[float] = Field(
        [0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0], description="strengths of the cluster boost to try; 0 = none"
    )
    cluster_damping: float = Field(
        10.0, gt=0, description="ratings' worth of a movie's like rate in a cluster's"
    )
    item_damping: float = Field(5.0, gt=0, description="ratings' worth of the overall like rate in a movie's")
