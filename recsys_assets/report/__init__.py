"""Reports: plots, Markdown for the Dagster UI and self-contained HTML, from published tables."""

from __future__ import annotations

from recsys_assets.report.evaluation import evaluation_html, evaluation_markdown
from recsys_assets.report.intervals import verdict
from recsys_assets.report.lists import EvaluationReport, headline
from recsys_assets.report.plots import markdown_image
from recsys_assets.report.style import markdown_table

__all__ = [
    "EvaluationReport",
    "evaluation_html",
    "evaluation_markdown",
    "headline",
    "markdown_image",
    "markdown_table",
    "verdict",
]
