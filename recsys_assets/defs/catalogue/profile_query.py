"""What each cluster of movies is about, as a query over ``catalogue_movie_clusters`` and the staged tables."""

from __future__ import annotations

from typing import Final

from recsys_assets.storage.warehouse import Select

__all__ = ["profile_query"]

# How telling a term is: its share of the cluster's movies less its share of the catalogue's.
_PROFILES: Final = """
with terms as (
    select tmdb_id, 'genre' as kind, genre as term from catalogue_genres
    union all
    select tmdb_id, 'keyword', keyword from catalogue_keywords
    union all
    select distinct tmdb_id, 'person', name from movie_people join people using (person_id)
    where role = 'director' or (role = 'actor' and place <= {n_cast})
), sizes as (
    select cluster, count(*) as n_movies, avg(year) as mean_year
    from catalogue_movie_clusters join catalogue_movies using (tmdb_id) group by cluster
), counted as (
    select cluster, kind, term, count(distinct tmdb_id) as n
    from terms join catalogue_movie_clusters using (tmdb_id) group by all
), weighed as (
    select cluster, kind, term,
           n / n_movies - sum(n) over (partition by kind, term) / (select sum(n_movies) from sizes) as more
    from counted join sizes using (cluster)
), told as (
    select cluster, {told}
    from weighed where more > 0 group by cluster
), examples as (
    select cluster, list(tmdb_id order by vote_count desc nulls last, tmdb_id)[:{n_told}] as example_tmdb_ids,
           list(title order by vote_count desc nulls last, tmdb_id)[:{n_told}] as example_movies
    from catalogue_movie_clusters join catalogue_movies using (tmdb_id) group by cluster
)
select cluster, n_movies, mean_year, coalesce(genres, []) as top_genres, coalesce(keywords, []) as top_keywords,
       coalesce(people, []) as top_people, example_tmdb_ids, example_movies
from sizes left join told using (cluster) join examples using (cluster) order by cluster
"""
_KINDS: Final = {"genre": "genres", "keyword": "keywords", "person": "people"}


def profile_query(*, n_told: int, n_cast: int) -> Select:
    """Name ``n_told`` genres, keywords, people and movies of each; of a cast the first ``n_cast`` places count."""
    told = ", ".join(
        f"(list(term order by more desc, term) filter (kind = '{kind}'))[:{n_told}] as {name}"
        for kind, name in _KINDS.items()
    )
    return Select(_PROFILES.format(n_cast=n_cast, n_told=n_told, told=told))
