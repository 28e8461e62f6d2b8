"""Whether the server lives, and whether it can answer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from recsys_assets.serving.parameters import PROBLEMS, ContextOf
from recsys_assets.serving.schemas import Health

__all__ = ["router"]

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", response_model=Health)
async def live() -> dict[str, Any]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/ready", response_model=Health, responses={503: PROBLEMS[503]})
def ready(context: ContextOf) -> dict[str, Any]:
    """The server's own data set has a generation that is open and can be asked."""
    served = context.generations.current(context.settings.dataset)
    served.rows("select generation from publication")
    return {"status": "ready", "model_version": served.version}
