"""The versions of the content engine as a section of a report: which one serves, and why the others don't.

Tables come as frames by the names of their contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from recsys_assets.report.page import Section, note, paragraph
from recsys_assets.report.style import escape_markdown, html_table, markdown_table

__all__ = ["REPORTED", "is_there", "model_versions"]

REPORTED: Final = ("model_versions",)
"""The table that the section is made of."""

_TITLE: Final = "Versions of the content engine"
_NOTE: Final = (
    "A version serves if its clusters' silhouette reaches its threshold and the lift of its neighbours over movies of "
    "the same genre is above its own, with the lower end of its interval; and if, beside another that serves, its lift "
    "over the same movies and users is above that one's for certain, or no worse where only the catalogue differs. A "
    "run that falls short leaves the champion."
)
_FORMATS: Final = {"Version": "d", "Silhouette": ".4f", "Lift": ".3f", "At least": ".3f"}


def is_there(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Tell whether any version was registered."""
    return "model_versions" in tables and len(tables["model_versions"]) > 0


def model_versions(tables: Mapping[str, pd.DataFrame]) -> Section:
    """Write the section on versions of which there is at least one, the newest first."""
    versions = tables["model_versions"].sort_values("version", ascending=False, ignore_index=True)
    finding = _finding(versions)
    table = pd.DataFrame(
        {
            "Version": versions["version"],
            "Stage": versions["stage"],
            "Silhouette": versions["silhouette"],
            "Lift": versions["lift"],
            "At least": versions["lift_ci_low"],
            "Decision": versions["decision"],
        }
    )
    return Section(
        title=_TITLE,
        finding=finding,
        html=paragraph(finding) + html_table(table, formats=_FORMATS) + note(_NOTE),
        markdown="\n\n".join(
            [
                f"### {_TITLE}",
                escape_markdown(finding),
                markdown_table(table, formats=_FORMATS),
                _NOTE,
            ]
        ),
        sql="from model_versions order by version desc;",
    )


def _finding(versions: pd.DataFrame) -> str:
    """Who serves, and what was said of this run's version if it is another or fell short."""
    champion = versions.loc[versions["alias"].notna(), "version"].tolist()
    serves = f"Version {champion[0]} serves." if champion else "No version serves yet."
    refused = versions[versions["candidate"].astype(bool) & (versions["decision"] == "not promoted")]
    for version, reason in zip(refused["version"], refused["reason"], strict=True):
        fate = "would not be promoted any more" if [version] == champion else "was not promoted"
        serves += f" Version {version} {fate}: {reason}."
    return serves
