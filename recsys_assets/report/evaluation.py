"""The evaluation as a report: Markdown for the Dagster UI and one self-contained HTML file.

Both say the same: which model's lists are best and by how much, what is known by segment and in pairs, then what other
sections found, which gates hold, and how to recompute the figures from the published tables.
"""

from __future__ import annotations

import html
import shlex
import textwrap
from collections.abc import Sequence

from recsys_assets.report.gates import failures, gates_html, gates_markdown, gates_passed
from recsys_assets.report.intervals import interval_text
from recsys_assets.report.lists import EvaluationReport, headline, lists_html, lists_markdown, lists_sql
from recsys_assets.report.page import Section, facts, page
from recsys_assets.report.style import escape_markdown, format_cell, label, phrase

__all__ = ["evaluation_html", "evaluation_markdown"]


def evaluation_markdown(report: EvaluationReport, sections: Sequence[Section] = ()) -> str:
    """Write the report as Markdown with embedded PNG plots, for an asset's metadata."""
    parts = [
        f"**{escape_markdown(headline(report))}**",
        *(escape_markdown(section.finding) for section in sections if section.finding),
        lists_markdown(report),
        *(section.markdown for section in sections),
        f"### Gates: {gates_passed(report.gates)} passed",
        gates_markdown(report.gates),
        "### How to repeat it",
        f"{escape_markdown(report.split_description)} In {escape_markdown(report.source)}:",
        textwrap.indent(_sql(report, sections), "    "),
    ]
    return "\n\n".join(parts) + "\n"


def evaluation_html(report: EvaluationReport, sections: Sequence[Section] = ()) -> str:
    """Write the report as one HTML file that needs nothing else.

    Plots are inline SVG that follows the reader's light or dark setting. Every text from the tables or the
    caller is escaped.
    """
    found = [f'<p class="lead">{html.escape(headline(report))}</p>']
    found += [f"<p>{html.escape(section.finding)}</p>" for section in sections if section.finding]
    return page(
        title=f"Evaluation of recommenders on {report.dataset}",
        eyebrow="Offline evaluation",
        heading=f"Recommenders on {report.dataset}",
        head="\n".join([*found, _tiles(report)]),
        sections={
            "Recommended lists": lists_html(report),
            **{section.title: section.html for section in sections},
            f"Gates: {gates_passed(report.gates)} passed": gates_html(report.gates),
            "How to repeat this": _provenance(report, sections),
        },
    )


def _sql(report: EvaluationReport, sections: Sequence[Section]) -> str:
    queries = [lists_sql(report), *(section.sql for section in sections)]
    return "\n\n".join([*queries, "from gates order by passed, gate;"])


def _provenance(report: EvaluationReport, sections: Sequence[Section]) -> str:
    origin = facts(
        {
            "Data set": report.dataset,
            "Split": report.split_description,
            "Users": f"{report.leaderboard()['n_users'].max():,.0f} ({report.split})",
            "Intervals": f"{report.interval}s, over users",
            "Run": report.run_id,
            "Data version": report.data_version,
            "Generated from": f"tables evaluation, comparisons, gates and others of {report.source}",
        }
    )
    shell = f"duckdb -readonly {shlex.quote(report.source)}"
    return (
        f"{origin}\n<p>The figures above are rows of these tables:</p>\n"
        f'<pre tabindex="0"><code>$ {html.escape(shell)}\n\n{html.escape(_sql(report, sections))}</code></pre>'
    )


def _tiles(report: EvaluationReport) -> str:
    best = report.leaderboard().iloc[0]
    gain = report.difference(str(best["model"]), report.baseline)
    difference = "–" if gain is None else format_cell(gain.difference, "+.3f")
    range_of_gain = "not compared" if gain is None else interval_text(gain.ci_low, gain.ci_high, "+.3f")
    tiles = [
        ("Best lists", label(str(best["model"])), f"{report.title} {best['value']:.3f}"),
        (f"Gain over {phrase(report.baseline)}", difference, range_of_gain),
        ("Users", f"{best['n_users']:,.0f}", f"{report.split} split"),
        ("Gates passed", gates_passed(report.gates), failures(report.gates)),
    ]
    items = [
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}<small>{html.escape(detail)}</small></dd></div>"
        for name, value, detail in tiles
    ]
    return f'<dl class="tiles">\n{"".join(items)}\n</dl>'
