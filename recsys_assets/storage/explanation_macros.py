"""Table macros of published files: who has nothing but the file can ask why a movie is recommended, and what made it.

They take values only: a title or an id is compared, never read as SQL.
"""

from __future__ import annotations

__all__ = ["EXPLANATION_MACROS", "MOVIES_NAMED"]

MOVIES_NAMED = 3
"""Movies that a sentence names at most."""

_MODELS = """
    case strategy when 'content' then 'live/content_profiles' else 'live/' || strategy || '_factors' end
"""

_EXPLAIN = f"""
create or replace macro explain_recommendation(of_user, of_movie) as table
select e.strategy, r.rank, r.score, e.part_rank, e.because_movie_id, m.title as because_title,
       e.because_rating, e.because_rated_at, e.part, e.n_ratings,
       model.code_version as model_code_version, model.data_version as model_data_version,
       model.run_id as model_run_id, learned.data_version as ratings_data_version
from explanations as e
join recommendations as r using (strategy, user_id, movie_id)
left join movies as m on m.movie_id = e.because_movie_id
left join versions as model on model.asset = {_MODELS.replace("strategy", "e.strategy").strip()}
left join versions as learned on learned.asset = 'ratings'
where e.user_id = of_user and e.movie_id = of_movie
order by e.strategy, e.part_rank
"""

_BECAUSE = f"""
create or replace macro because_you_watched(of_user) as table
with reasons as (
    select e.strategy, e.movie_id, list(m.title order by e.part_rank) as titles
    from explanations as e join movies as m on m.movie_id = e.because_movie_id
    where e.user_id = of_user and e.part > 0 and e.part_rank <= {MOVIES_NAMED}
    group by all
)
select r.strategy, r.rank, r.movie_id, movies.title,
       case when titles is null then 'Nothing that you liked speaks for it'
            when len(titles) = 1 then 'Because you watched ' || titles[1]
            else 'Because you watched ' || array_to_string(titles[1:len(titles) - 1], ', ') || ' and ' || titles[-1]
       end as because
from recommendations as r join movies using (movie_id) left join reasons using (strategy, movie_id)
where r.user_id = of_user
  and exists (from explanations as e where (e.strategy, e.user_id, e.movie_id) = (r.strategy, r.user_id, r.movie_id))
order by r.strategy, r.rank
"""

_LINEAGE = """
create or replace macro lineage_of(of_strategy) as table
select asset, code_version, data_version, run_id, materialized_at as made_at
from lineage join versions using (asset)
where strategy = of_strategy
union all
select 'published', null, 'generation ' || generation, run_id, published_at from publication
order by made_at, asset
"""

EXPLANATION_MACROS = (_EXPLAIN, _BECAUSE, _LINEAGE)
"""Of a publication with the table ``explanations``.

- ``explain_recommendation(user, movie)``: the parts of a movie's scores in the user's lists, with the versions of model
  and ratings.
- ``because_you_watched(user)``: a sentence for each explained place of the user's lists.
- ``lineage_of(strategy)``: what a strategy's scores are made of, from the raw files to the publication, each with its
  versions and run; of every strategy in the table ``lineage``.
"""
