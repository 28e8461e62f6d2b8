"""The figures of Surprise: what is read back, how they are shown, and that their environment needs none of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from zipfile import ZipFile

import pytest

from recsys_assets.settings import project_folder
from recsys_assets_tests.bench import surprise_peer
from recsys_assets_tests.bench.surprise_peer import FOLDS, FoldScore, Peer, markdown_table, read_peer

SCORES = (
    FoldScore("SVD", "u1", rmse=0.95, mae=0.75, fit_s=1.0, fit_cpu_s=1.0),
    FoldScore("SVD", "u2", rmse=0.93, mae=0.73, fit_s=2.0, fit_cpu_s=1.0),
    FoldScore("SVDpp", "u1", rmse=0.92, mae=0.72, fit_s=8.0, fit_cpu_s=8.0),
)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    peer = Peer({"scikit-surprise": "1.1.4"}, processor="one", n_cores=2, load=0.5, scores=SCORES)
    (tmp_path / "surprise.json").write_text(json.dumps(asdict(peer)))
    assert read_peer(tmp_path / "surprise.json") == peer


def test_what_was_never_measured_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make bench-surprise"):
        read_peer(tmp_path / "surprise.json")


def test_the_table_has_a_row_for_each_model_with_its_mean_over_folds() -> None:
    assert markdown_table(SCORES).splitlines() == [
        "| model | mean RMSE ± std | mean MAE | fit seconds a fold |",
        "|---|---|---|---|",
        "| SVD | 0.9400 ± 0.0141 | 0.7400 | 1.50 |",
        "| SVDpp | 0.9200 | 0.7200 | 8.00 |",
    ]


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    without_packages = [sys.executable, "-S", "-c", f"import {surprise_peer.__name__}"]
    subprocess.run(without_packages, cwd=project_folder(), check=True, timeout=60)


def test_the_folds_come_from_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_DATASETS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no ml-100k\.zip in RECSYS_DATASETS"):
        surprise_peer.unpacked(tmp_path)
    with ZipFile(tmp_path / "ml-100k.zip", "w") as archive:
        for name in ("u.data", *(f"{fold}.{part}" for fold in FOLDS for part in ("base", "test"))):
            archive.writestr(f"ml-100k/{name}", f"this is {name}")
    folder = surprise_peer.unpacked(tmp_path)
    assert len(list(folder.iterdir())) == 10
    assert (folder / "u3.test").read_text() == "this is u3.test"
