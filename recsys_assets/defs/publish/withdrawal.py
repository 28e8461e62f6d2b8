"""Publications that turn out to be bad: found by today's contracts, withdrawn so that the one before answers."""

from __future__ import annotations

from pathlib import Path

import duckdb

from recsys_assets.contracts import PUBLISHED, contract_of
from recsys_assets.storage.publishing import NoGenerationError, Publisher, published_faults

__all__ = ["faults_of_publication", "withdraw", "withdraw_unchecked"]


def faults_of_publication(path: Path) -> list[str]:
    """What is wrong with a publication by today's contracts, in words; empty where all is well."""
    try:
        return published_faults(path, [contract_of(name).name for name in PUBLISHED])
    except duckdb.Error as error:
        return [f"{path.name} can't be read: {error}"]


def withdraw(publisher: Publisher, *, run_id: str, reason: str) -> str:
    """Withdraw the current generation: the one before it is current again. Returns what became of it, in words.

    Where there is none to go back to it stays, but counts as withdrawn.
    """
    current = publisher.current()
    try:
        restored = publisher.roll_back(run_id=run_id, reason=reason)
    except NoGenerationError as error:
        if current:
            publisher.history.add("withdrawn", current.number, run_id=run_id, reason=reason)
        return f"it stays, for {error}"
    return f"generation {current.number if current else '?'} withdrawn, {restored.number} is current again"


def withdraw_unchecked(publisher: Publisher, *, run_id: str) -> str | None:
    """Withdraw the current generation if it is faulty and the run that published it was killed before its check.

    Nobody would go back to it from a later publication that is faulty too.
    """
    current = publisher.current()
    if current is None or current.number not in publisher.history.unchecked():
        return None
    faults = faults_of_publication(current.path)
    if not faults:
        publisher.history.add("checked", current.number, run_id=run_id)
        return None
    return withdraw(publisher, run_id=run_id, reason="; ".join(faults))
