"""The page that a report is: a head, sections with their contents, the style sheet; and what sections are made of."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from recsys_assets.report.style import Html, css_variables

__all__ = [
    "Section",
    "facts",
    "figures",
    "folded",
    "note",
    "page",
    "paragraph",
    "pill",
    "subsections",
    "wide",
]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report, in both its forms."""

    title: str
    #: what it finds, in a sentence or two for the head of the page
    finding: str = ""
    #: body without the heading
    html: str
    #: with headings, and shorter
    markdown: str
    #: queries that give its figures, on the published file
    sql: str


def page(*, title: str, eyebrow: str, heading: str, head: str, sections: Mapping[str, str]) -> str:
    """Write a whole page that needs nothing else: no script, font, image or network.

    A content-security policy forbids it to load or run anything.

    Parameters
    ----------
    title, eyebrow, heading : texts
    head : markup that follows the heading
    sections : markup by title
    """
    body = "\n".join(
        f'<section id="{_anchor(name)}">\n<h2>{html.escape(name)}</h2>\n{markup}\n</section>'
        for name, markup in sections.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{html.escape(title)}</title>
<style>
{css_variables()}{_CSS}</style>
</head>
<body>
<header>
<p class="eyebrow">{html.escape(eyebrow)}</p>
<h1>{html.escape(heading)}</h1>
{head}
{_contents(sections)}
</header>
<main>
{body}
</main>
</body>
</html>
"""


def subsections(bodies: Mapping[str, str]) -> str:
    """Write parts of a section, markup by title."""
    return "\n".join(f"<h3>{html.escape(title)}</h3>\n{markup}" for title, markup in bodies.items())


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'


def figures(drawings: Iterable[str]) -> str:
    """Set drawings, inline SVG, side by side."""
    parts = "\n".join(f"<figure>{svg}</figure>" for svg in drawings)
    return f'<div class="figures">\n{parts}\n</div>'


def folded(summary: str, markup: str) -> str:
    """Hide what few readers want until they ask for it."""
    return f"<details>\n<summary>{html.escape(summary)}</summary>\n{markup}\n</details>"


def facts(texts: Mapping[str, str]) -> str:
    """List texts by what they are."""
    items = "\n".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in texts.items()
    )
    return f'<dl class="facts">\n{items}\n</dl>'


def pill(word: str, tone: str) -> Html:
    """Set a word apart; tones are good, bad and open."""
    return Html(f'<span class="pill {tone}">{html.escape(word)}</span>')


def wide(text: str) -> Html:
    """Give a sentence in a table's cell room to wrap."""
    return Html(f'<div class="wide">{html.escape(text)}</div>')


def _contents(titles: Iterable[str]) -> str:
    links = "\n".join(f'<a href="#{_anchor(title)}">{html.escape(title)}</a>' for title in titles)
    return f'<nav aria-label="Contents">\n{links}\n</nav>'


def _anchor(title: str) -> str:
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")


_CSS: Final = """
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
 font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
main,header,footer{max-width:72rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{padding-top:clamp(2rem,6vw,4rem)}
.eyebrow{margin:0 0 .5rem;color:var(--muted);font-size:.8125rem;font-weight:600;letter-spacing:.06em;
 text-transform:uppercase}
h1{margin:0 0 1rem;font-size:clamp(1.625rem,1.2rem + 1.9vw,2.5rem);line-height:1.15;letter-spacing:-.02em;
 text-wrap:balance;overflow-wrap:anywhere}
h2{margin:4rem 0 .375rem;padding-top:1.5rem;border-top:1px solid var(--rule);font-size:1.5rem;line-height:1.3;
 letter-spacing:-.015em}
h3{margin:2rem 0 .375rem;font-size:1.125rem;line-height:1.35;letter-spacing:-.01em}
p{margin:0 0 1rem;max-width:44rem;overflow-wrap:anywhere}
.lead{font-size:1.125rem}
.note{color:var(--muted);font-size:.9375rem}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;margin:2rem 0 0;padding:0;
 background:var(--rule);border:1px solid var(--rule);border-radius:.75rem;overflow:hidden}
.tiles div{padding:1rem 1.25rem;background:var(--card);min-width:0}
.tiles dt{color:var(--muted);font-size:.8125rem}
.tiles dd{margin:.125rem 0 0;font-size:1.5rem;font-weight:650;line-height:1.25;letter-spacing:-.01em;
 font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.tiles small{display:block;color:var(--muted);font-size:.8125rem;font-weight:400;letter-spacing:0}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin-top:1.5rem;font-size:.9375rem}
a{color:var(--series-1)}
summary{margin:.5rem 0;cursor:pointer;color:var(--series-1);font-size:.9375rem}
.scroll{overflow-x:auto;margin:.75rem 0 1rem;background:var(--card);border:1px solid var(--rule);
 border-radius:.75rem}
.scroll:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--series-1);outline-offset:2px}
table{width:100%;border-collapse:collapse;font-size:.9375rem;font-variant-numeric:tabular-nums}
th,td{padding:.5625rem .625rem;text-align:left;vertical-align:middle;border-top:1px solid var(--rule)}
thead th{border-top:0;color:var(--muted);font-size:.8125rem;font-weight:600;white-space:nowrap;
 vertical-align:bottom}
tbody th{position:sticky;left:0;background:var(--card);font-weight:600;overflow-wrap:break-word;
 min-width:7rem;max-width:14rem}
.num{text-align:right}
td{white-space:nowrap}
.wide{min-width:20rem;white-space:normal}
.whisker{display:block;width:9rem;height:1.25rem;overflow:visible}
.whisker line{stroke:var(--series-1);stroke-width:2}
.whisker circle{fill:var(--series-1)}
.whisker .reference{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 2}
.pill{display:inline-block;padding:.0625rem .625rem;border:1px solid currentColor;border-radius:1rem;
 font-size:.8125rem;font-weight:600;white-space:nowrap}
.good{color:var(--good)}
.bad{color:var(--bad)}
.open{color:var(--muted)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem;
 margin:.75rem 0 1rem}
figure{margin:0;padding:1rem;background:var(--card);border:1px solid var(--rule);border-radius:.75rem}
figure svg{display:block;width:100%;height:auto}
figure svg *{stroke-linejoin:round;stroke-linecap:butt}
figure svg text{font-family:inherit!important}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.375rem 1.5rem;margin:.75rem 0 1.5rem;
 font-size:.9375rem}
.facts dt{color:var(--muted)}
.facts dd{margin:0;overflow-wrap:anywhere}
pre{margin:.75rem 0 1rem;padding:1rem;overflow-x:auto;background:var(--card);border:1px solid var(--rule);
 border-radius:.75rem;font-size:.875rem;line-height:1.5}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
footer{padding-top:1rem;padding-bottom:4rem}
@media (max-width:46rem){.tiles{grid-template-columns:repeat(2,1fr)}.tiles div{padding:.75rem 1rem}
 .tiles dd{font-size:1.25rem}dl.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.625rem}
 th,td{padding:.5rem}.whisker{width:7rem}figure{padding:.5rem}}
@media print{body{background:none}figure,tr{break-inside:avoid}}
"""
