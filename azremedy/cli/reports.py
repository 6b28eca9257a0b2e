"""The files that `--report FORMAT=FILE` asks for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from azremedy.cli.options import Report
from azremedy.cli.output import save
from azremedy.report import files


def save_reports(reports: Iterable[Report], document: Mapping[str, Any]) -> None:
    """Write each report, whole or not at all. Raises `AzremedyError`."""
    for form, path in reports:
        for name, text in files(form, within(path), document):
            save(path.with_name(name), text.encode())


def within(path: Path) -> Path:
    """Return a path as it is seen from the working directory, or its name alone where it lies elsewhere."""
    whole = Path(os.path.normpath(path.absolute()))
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else Path(path.name)
