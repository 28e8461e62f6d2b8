"""Feedback: what users did, recorded once each; their ratings reach the inbox that the graph watches."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter, status

from recsys_assets.serving.exposures import parse_exposure
from recsys_assets.serving.parameters import PROBLEMS, ContextOf, WhatIsServed
from recsys_assets.serving.problems import Problem
from recsys_assets.serving.schemas import Feedback, FeedbackReceipt
from recsys_assets.storage.feedback import FeedbackEvent, UserForgottenError

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["feedback"], responses=PROBLEMS)


@router.post(
    "/feedback",
    response_model=FeedbackReceipt,
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        410: PROBLEMS[404] | {"description": "the user was forgotten, and is not to be recorded again"}
    },
)
def feedback(served: WhatIsServed, context: ContextOf, given: Feedback) -> dict[str, Any]:
    """Record a rating or an event; it is on the disk when the answer comes, and counts once however often it is sent.

    A rating becomes part of the data set with the next run that takes the inbox in. An `exposure_id` is that of the
    list that led to it, as `experiment` of recommendations has it.
    """
    if (given.rating is None) == (given.event is None):
        raise Problem(422, "Invalid request", "give either a rating or an event")
    served.movie(given.movie_id)
    exposure = parse_exposure(given.exposure_id, given.user_id) if given.exposure_id else None
    if given.exposure_id and exposure is None:
        raise Problem(422, "Invalid request", "exposure_id: not one that this server gave for this user")
    event = FeedbackEvent(
        given.feedback_id,
        given.user_id,
        given.movie_id,
        given.event or "rated",
        given.rating,
        *((exposure.experiment, exposure.variant, exposure.model_version) if exposure else ()),
    )
    try:
        is_new = context.feedback_log(served.dataset).record(event, dt.datetime.now(dt.UTC))
    except UserForgottenError as error:
        raise Problem(410, "Forgotten", str(error)) from error
    if is_new:
        context.metrics.feedback.labels(event.event).inc()
    return {
        "feedback_id": given.feedback_id,
        "status": "accepted" if is_new else "already accepted",
    }
