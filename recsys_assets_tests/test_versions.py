"""Code versions change with what is computed, wherever that stands, and with nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from recsys_assets.defs import versions
from recsys_assets.defs.versions import code_version

ASSETS = "recsys_assets.defs.toy.assets"
ALS = "recsys_assets.algorithms.als"
SPARSE = "recsys_assets.algorithms.sparse"
PLOTS = "recsys_assets.report.plots"
SOURCES = {
    ASSETS: """
import numpy
from recsys_assets.algorithms import als
from recsys_assets.defs.resources import Project
from recsys_assets.defs.fits import FITS
from recsys_assets.report import plots
def asset(): return als.fit(FITS)
""",
    ALS: f"import {SPARSE}\ndef fit(x):\n    'Fit.'\n    return x + 1\n",
    SPARSE: "WIDTH = 3",
    "recsys_assets.algorithms": "",
    "recsys_assets.defs.resources": "class Project: ...",
    "recsys_assets.report": "",
    PLOTS: "COLOUR = 'blue'",
    "recsys_assets.defs.fits": "FITS = ('train',)",
    "recsys_assets.algorithms.other": "from recsys_assets.algorithms.als import fit",
}
Version = Callable[..., str]


def forget() -> None:
    for cached in (versions.code_version, versions._code_of):
        cached.cache_clear()


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Version]:
    """The code version of the toy's assets, where some modules read otherwise."""

    def of_assets(*others: str, **changed: str) -> str:
        sources = SOURCES | {
            f"recsys_assets.{name.replace('__', '.')}": text for name, text in changed.items()
        }
        monkeypatch.setattr(versions, "_tree", lambda module: ast.parse(sources[module]))
        monkeypatch.setattr(versions, "_is_module", sources.__contains__)
        forget()
        return code_version(ASSETS, *others)

    yield of_assets
    forget()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            {"defs__toy__assets": SOURCES[ASSETS].replace("als.fit(FITS)", "als.fit(None)")}, id="its own"
        ),
        pytest.param({"algorithms__als": SOURCES[ALS].replace("x + 1", "x + 2")}, id="what it imports"),
        pytest.param({"algorithms__sparse": "WIDTH = 4"}, id="what that imports"),
        pytest.param({"defs__fits": "FITS = ('train', 'test')"}, id="what assets share"),
    ],
)
def test_a_change_of_what_is_computed_is_another_version(version: Version, changed: dict[str, str]) -> None:
    assert version(**changed) != version()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"algorithms__als": "# why\n" + SOURCES[ALS]}, id="a comment"),
        pytest.param({"algorithms__als": SOURCES[ALS].replace("'Fit.'", "'Fit well.'")}, id="a docstring"),
        pytest.param({"algorithms__als": '"""A module."""\n' + SOURCES[ALS]}, id="a new docstring"),
        pytest.param({"algorithms__als": SOURCES[ALS].replace("x + 1", "(x\n            + 1)")}, id="layout"),
        pytest.param({"algorithms__other": "fit = None"}, id="what it doesn't import"),
        pytest.param({"report__plots": "COLOUR = 'red'"}, id="how a plot looks"),
        pytest.param({"defs__resources": "class Project: data = 1"}, id="what only carries"),
    ],
)
def test_a_change_of_anything_else_is_not(version: Version, changed: dict[str, str]) -> None:
    assert version(**changed) == version()


def test_how_a_plot_looks_counts_for_whom_a_report_is_asked_of(version: Version) -> None:
    assert version(PLOTS, report__plots="COLOUR = 'red'") != version(PLOTS)
    assert version(PLOTS) != version()


def test_another_version_of_a_library_is_another_version(
    version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = version()
    monkeypatch.setattr(versions, "version", lambda library: "0.0" if library == "implicit" else "1.0")
    first = version()
    monkeypatch.setattr(versions, "version", lambda library: "1.0")
    assert len({before, first, version()}) == 3


def test_a_version_is_short_and_hexadecimal(version: Version) -> None:
    assert len(version()) == 12
    int(version(), 16)


def test_a_module_without_source_is_refused() -> None:
    with pytest.raises(ValueError, match="'recsys_assets_tests' has no source file"):
        code_version("recsys_assets_tests")


@pytest.mark.parametrize(
    ("module", "followed"),
    [
        ("recsys_assets.defs.collaborative.assets", "recsys_assets.algorithms.als"),
        ("recsys_assets.defs.content.assets", "recsys_assets.algorithms.content"),
        ("recsys_assets.defs.evaluation.assets", "recsys_assets.algorithms.evaluation"),
        ("recsys_assets.defs.evaluation.assets", "recsys_assets.defs.evaluation.gates"),
        ("recsys_assets.defs.split.assets", "recsys_assets.defs.fits"),
        ("recsys_assets.storage.loading", "recsys_assets.storage.layouts"),
        ("recsys_assets.storage.loading", "recsys_assets.contracts"),
    ],
)
def test_what_the_project_computes_with_is_followed(module: str, followed: str) -> None:
    assert followed in versions._closure((module,))


def test_models_do_not_depend_on_each_others_code() -> None:
    content, collaborative = (
        versions._closure((f"recsys_assets.defs.{system}.assets",)) for system in ("content", "collaborative")
    )
    assert "recsys_assets.algorithms.als" not in content
    assert "recsys_assets.algorithms.content" not in collaborative
