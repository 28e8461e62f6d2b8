"""Predicted stars as rows of a table, and back."""

import pandas as pd

from recsys_assets.algorithms.rating_prediction.log import RatingLog, Stars

__all__ = ["prediction_rows", "predictions_by_model"]


def prediction_rows(stars: dict[str, Stars], test: RatingLog, scale: tuple[float, float]) -> pd.DataFrame:
    """Rows (model, user_id, movie_id, rating, predicted) of every test row by every model."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "model": name,
                    "user_id": test.user_ids[test.user],
                    "movie_id": test.item_ids[test.item],
                    "rating": test.rating,
                    "predicted": predicted.clip(*scale),
                }
            )
            for name, predicted in stars.items()
        ],
        ignore_index=True,
    )


def predictions_by_model(predictions: pd.DataFrame) -> dict[str, Stars]:
    """Each model's predictions by user and movie: the order in which `read_log` gives the rows."""
    ordered = predictions.sort_values(["user_id", "movie_id"])
    return {str(name): rows["predicted"].to_numpy() for name, rows in ordered.groupby("model", sort=False)}
