"""How the ratings look: the plots that tell at a glance whether a data set is what it claims to be."""

import dagster as dg

from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.resources import Project, partition_of
from recsys_assets.defs.versions import code_version
from recsys_assets.report import plots
from recsys_assets.report.style import markdown_table


@dataset_asset(
    group_name="staging",
    kinds={"matplotlib"},
    deps=["ratings", "movies"],
    code_version=code_version(__name__, "recsys_assets.report.plots"),
)
def ratings_profile(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """Distribution of the stars, the long tail of the movies, ratings over time, and the counts behind them."""
    dataset = partition_of(context)
    query = project.warehouse.frame
    stars = query(dataset, "select rating, count(*) as n from ratings group by rating order by rating")
    per_movie = query(dataset, "select count(*) as n from ratings group by movie_id")["n"]
    months = query(
        dataset,
        "select date_trunc('month', rated_at) as month, count(*) as n from ratings group by 1 order by 1",
    )
    facts = query(
        dataset,
        """
        select count(*) as ratings, count(distinct user_id) as users, count(distinct movie_id) as rated_movies,
               (select count(*) from movies) as movies, avg(rating) as mean_stars,
               1 - count(*) / (count(distinct user_id) * (select count(*) from movies)) as sparsity,
               min(rated_at) as first_rating, max(rated_at) as last_rating
        from ratings
        """,
    )
    images = {
        "stars": plots.rating_histogram(stars["rating"], stars["n"]),
        "long tail": plots.long_tail(per_movie),
        "over time": plots.ratings_over_time(months["month"], months["n"]),
    }
    table = markdown_table(facts.T.reset_index().set_axis(["", "value"], axis=1), formats={})
    return dg.MaterializeResult(
        metadata={
            "facts": dg.MetadataValue.md(table),
            "plots": dg.MetadataValue.md(
                " ".join(plots.markdown_image(png, name) for name, png in images.items())
            ),
            "n_ratings": int(facts["ratings"].iloc[0]),
            "n_users": int(facts["users"].iloc[0]),
            "n_movies": int(facts["movies"].iloc[0]),
            "mean_stars": float(facts["mean_stars"].iloc[0]),
            "sparsity": float(facts["sparsity"].iloc[0]),
            "movies_with_fewer_than_5_ratings": int((per_movie < 5).sum()),
        }
    )
