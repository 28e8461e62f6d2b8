"""Raw files: fetched, copied or cut, with their digests."""

import dagster as dg
import pandas as pd

from recsys_assets.defs.common import dataset_asset
from recsys_assets.defs.resources import Project
from recsys_assets.defs.versions import code_version
from recsys_assets.report.style import markdown_table


@dataset_asset(
    group_name="raw",
    kinds={"file"},
    code_version=code_version("recsys_assets.storage.raw_files"),
    retry_policy=dg.RetryPolicy(
        max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
    ),
)
def raw_files(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult[None]:
    """The data set's files as given, in the layout that datasets.toml names.

    Read from the folder that RECSYS_DATASETS names, downloaded with checksum and resume, copied from a folder of
    one's own, or, for a subset such as `mini`, cut from another data set's files. A catalogue that the data set joins
    lends its files.
    """
    spec = project.spec(context)
    last_percent = -10

    def report(n_bytes: int, n_total: int | None) -> None:
        nonlocal last_percent
        percent = 100 * n_bytes // n_total if n_total else 0
        if percent >= last_percent + 10:
            last_percent = percent
            context.log.info(f"{spec.source.archive}: {n_bytes / 2**20:,.0f} MiB ({percent} %)")

    manifest = project.raw_files.acquire(spec, progress=report)
    files = pd.DataFrame(
        [(f.name, f.size_bytes, f.sha256, "known" if f.trusted else "recorded") for f in manifest.files],
        columns=["file", "bytes", "sha256", "digest is"],
    )
    return dg.MaterializeResult(
        data_version=dg.DataVersion(manifest.digest),
        metadata={
            "files": dg.MetadataValue.md(markdown_table(files, formats={"bytes": ",d"})),
            "n_files": len(manifest.files),
            "size_bytes": int(files["bytes"].sum()),
            "licence": spec.licence,
            "source_state": manifest.source_state,
        },
    )
