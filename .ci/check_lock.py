"""Check requirements.lock without a network: it satisfies pyproject's ranges, pins with hashes, and names no host."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def locked(text: str) -> dict[str, tuple[Version, bool]]:
    """Each pinned package that applies here: its version, and whether it has a hash."""
    pins = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        match = re.match(r"([A-Za-z0-9._-]+)==([^ ;\\\n]+)(?: *; *([^\\\n]+))?", entry)
        if match and (not match[3] or Marker(match[3]).evaluate()):
            pins[canonicalize_name(match[1])] = (Version(match[2]), "--hash=sha256:" in entry)
    return pins


def faults() -> list[str]:
    """What is wrong with the lock, in words; empty where all is well."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = locked(text)
    found = [f"{name} has no hash" for name, (_, hashed) in pins.items() if not hashed]
    if "://" in text:
        found.append("the lock names a host")
    extra = project["project"]["optional-dependencies"]["serve"]  # `make serve` is part of the front door
    wanted = [*project["project"]["dependencies"], *extra, *project["dependency-groups"]["dev"]]
    for requirement in map(Requirement, wanted):
        version, _ = pins.get(canonicalize_name(requirement.name), (None, False))
        if version is None:
            found.append(f"{requirement.name} is not in the lock: make lock")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version} is outside {requirement.specifier}: make lock")
    return found


if __name__ == "__main__":
    problems = faults()
    for problem in problems:
        print(f"requirements.lock: {problem}", file=sys.stderr)
    sys.exit(bool(problems))
