"""Titles made searchable, as SQL: folding, trigrams, and the table macro ``search_titles`` of published files.

A query is only ever a value: it is compared, never read as a pattern, so that ``%``, ``_``, quotes and the signs of
regular expressions mean themselves or, where letters and digits are there to go by, nothing.
"""

from __future__ import annotations

__all__ = ["SEARCH_TITLES", "folded", "names", "trigrams"]

MAX_QUERY_CHARACTERS = 200
MAX_FOUND = 50
# One swapped or wrong letter in a title of four still gets three quarters.
LEAST_SCORE = 0.45
# Who shares fewer runs of letters is not worth counting edits.
LEAST_SHARED = 0.15

_ARTICLES = "the|an?|l['’]|l[aeo]s?|un|une|il|lo|gli|i|el|los|las|der|die|das|den|det|het|de|o|os|as"
_YEAR = r"[\s(]+(\d{4})\)?\s*$"
# What has no accent to strip but has a plain spelling.
_SPELLINGS = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i"}


def folded(text: str) -> str:
    """SQL: the text without case, accents and punctuation, its article in front, one space between words.

    Text of signs alone is kept as it is, in lower case: some titles are nothing else.
    """
    turned = rf"regexp_replace(trim({text}), '^(.*), ({_quoted(_ARTICLES)})$', '\2 \1', 'i')"
    plain = f"strip_accents(lower({turned}))"
    for sign, spelling in _SPELLINGS.items():
        plain = f"replace({plain}, '{sign}', '{spelling}')"
    # An apostrophe joins (ocean's = oceans), any other sign parts.
    words = (
        rf"trim(regexp_replace(regexp_replace({plain}, '[''’`]', '', 'g'), '[^\p{{L}}\p{{N}}]+', ' ', 'g'))"
    )
    return f"coalesce(nullif({words}, ''), nullif(trim(lower({text})), ''))"


def names(title: str) -> str:
    """SQL: the list of names in a title, each folded, and without an English article where it begins with one.

    ``City of Lost Children, The (Cité des enfants perdus, La) (1995)``, as MovieLens writes it, has the whole of it
    without the year, what stands before the brackets, and what stands in them.
    """
    whole = rf"regexp_replace({title}, '\s*\(\d{{4}}\)\s*$', '')"
    parts = rf"""list_concat(
        [{whole}, regexp_replace({whole}, '\s*\(.*$', '')], regexp_extract_all({whole}, '\(([^()]+)\)', 1)
    )"""
    own = r"regexp_replace(part, '^\s*a\.?k\.?a\.?\s+', '', 'i')"
    found = f"list_filter([{folded(own)} for part in {parts}], lambda name: name <> '')"
    bare = f"[regexp_replace(name, '^(the|an?) ', '') for name in {found}]"
    # A title that is a year in brackets has no name but itself.
    return f"coalesce(nullif(list_distinct(list_concat({found}, {bare})), []), [{folded(title)}])"


def trigrams(text: str) -> str:
    """SQL: the sorted distinct runs of three characters of each word of folded text, padded as ``··word·``."""
    padded = f"[('  ' || word || ' ') for word in string_split({text}, ' ')]"
    runs = f"[[substr(word, i, 3) for i in range(1, length(word) - 1)] for word in {padded}]"
    return f"list_sort(list_distinct(flatten({runs})))"


def _quoted(pattern: str) -> str:
    return pattern.replace("'", "''")


SEARCH_TITLES = f"""
create or replace macro search_titles(query) as table
with given as (select left(query::varchar, {MAX_QUERY_CHARACTERS}) as text), readings as (
    select {folded("text")} as wanted, null as released from given
    union all
    select {folded(f"regexp_replace(text, '{_YEAR}', '')")}, try_cast(regexp_extract(text, '{_YEAR}', 1) as integer)
    from given where regexp_matches(text, '{_YEAR}')
), asked as (select *, {trigrams("wanted")} as runs from readings), compared as (
    select t.movie_id, t.tmdb_id, t.title, t.year, t.folded, wanted,
           length(list_filter(t.trigrams, lambda run: list_contains(runs, run))) as n_shared, length(runs) as n_runs,
           length(t.trigrams) as n_own, greatest(length(t.folded), length(wanted)) as longest
    from titles as t join asked on released is null or t.year = released
    where wanted is not null
), scored as (
    select *, case
        when folded = wanted then 1
        when contains(' ' || folded || ' ', ' ' || wanted || ' ')
            then 0.8 + 0.15 * length(wanted) / length(folded)
        else greatest(
            0.65 * n_shared / n_runs + 0.3 * n_shared / (n_own + n_runs - n_shared),
            case when starts_with(folded, wanted) then 0.75 + 0.15 * length(wanted) / length(folded) else 0 end,
            case when n_shared >= {LEAST_SHARED} * n_runs and abs(length(folded) - length(wanted)) <= 0.4 * longest
                then 0.95 - damerau_levenshtein(folded, wanted) / longest else 0 end
        ) end as score
    from compared
)
select movie_id, tmdb_id, title, year, max(score) as score
from scored where score >= {LEAST_SCORE}
group by movie_id, tmdb_id, title, year order by score desc, length(title), movie_id, tmdb_id limit {MAX_FOUND}
"""
"""The macro ``search_titles(query)`` over the table ``titles``: movie_id, tmdb_id, title, year, score (0 to 1).

At most 50 movies, the best first, each once. 1 = the whole of a name; from 0.8 on the query's words stand in a name as
they are; below, a name starts like the query, has few other letters (Damerau–Levenshtein distance), or shares runs of
three letters. A year at the query's end may be that of release. NULL and blank find nothing.
"""
