"""Recommendations that are a piece of a published list, without the machinery of routes.

What it answers is byte for byte what the route answers (`routes.users.recommendations`); what it isn't sure of, an
error above all, it leaves to the route.
"""

from __future__ import annotations

import re
from typing import Final

from recsys_assets.contracts import MAX_ID
from recsys_assets.serving.parameters import MAX_N, Context
from recsys_assets.serving.recommending import Asked
from recsys_assets.serving.routes.users import answer

__all__ = ["recommendations_fast"]

_PATH: Final = re.compile(rb"/v1/users/([0-9]{1,16})/recommendations")
_QUERY: Final = re.compile(
    rb"(?:n=([0-9]{1,3})(?:&|$))?(?:strategy=([a-z_]{1,40})(?:&|$))?(?:dataset=([a-z0-9][a-z0-9_-]{0,59})(?:&|$))?"
)


def recommendations_fast(context: Context, path: bytes, query: bytes) -> bytes | None:
    """The body of the answer, or None if the route is to see to it."""
    where = _PATH.fullmatch(path)
    if where is None:
        return None
    wanted = _QUERY.fullmatch(query)
    if wanted is None:
        return None
    n, strategy, dataset = wanted.groups()
    served = context.generations.opened(dataset.decode() if dataset else context.settings.dataset)
    user_id, length = int(where[1]), int(n) if n else Asked.n
    if served is None or user_id > MAX_ID or not 1 <= length <= MAX_N:
        return None
    if strategy is not None and strategy.decode() not in served.lists:
        return None
    return answer(served, context, user_id, Asked(length, strategy=strategy.decode() if strategy else None))
