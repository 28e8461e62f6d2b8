"""``python -m recsys_assets.sample`` rewrites ``data/sample`` of the checkout that it is run from."""

from __future__ import annotations

from pathlib import Path

from recsys_assets.sample import SAMPLE_SEED, write_sample

write_sample(Path(__file__).resolve().parents[2] / "data" / "sample", seed=SAMPLE_SEED)
