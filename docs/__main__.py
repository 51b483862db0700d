"""`python -m docs` writes the generated pages and contract snapshots; `--check` only compares."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import access, events, features, lifecycles, problems, regulation
from docs.sources import ROOT

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/regulation.md": regulation.page,
    "docs/features.md": features.page,
    "docs/events.md": events.page,
    "docs/lifecycles.md": lifecycles.page,
    "docs/access.md": access.page,
    "docs/problems.md": problems.page,
}


def generated() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    found = {ROOT / name: page() for name, page in PAGES.items()}
    for name, event in events.registry().items():
        found[events.SNAPSHOTS / f"{name}.json"] = events.snapshot(event)
    found[regulation.PLANNED] = regulation.shrunk()
    return found


def drifted(wanted: Mapping[Path, str]) -> list[Path]:
    """Files that differ from what the sources say."""
    return [file for file, text in wanted.items() if _read(file) != text]


def main(arguments: list[str]) -> int:
    broken = events.broken_contracts()
    if broken:
        sys.stderr.write("\n".join(broken) + "\n")
        sys.stderr.write("Others rely on these: declare a new major version beside the old one.\n")
        return 1
    wanted = generated()
    changed = drifted(wanted)
    names = ", ".join(file.relative_to(ROOT).as_posix() for file in changed)
    if arguments == ["--check"]:
        if changed:
            sys.stderr.write(f"Out of date: {names}. Run `make docs` and look at the difference.\n")
        return 1 if changed else 0
    for file in changed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[file], "utf-8")
    sys.stdout.write(f"Written: {names or 'nothing, all are up to date'}\n")
    return 0


def _read(file: Path) -> str | None:
    return file.read_text("utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
