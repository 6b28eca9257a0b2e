"""Azure Pipelines: logging commands for the log of a task."""

from __future__ import annotations

from azremedy.report.annotations import annotated
from azremedy.report.excerpt import Document

DATA = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})


def text(document: Document) -> str:
    """Return the issues of a scan, one command a line; there is no kind for what is a notice elsewhere."""
    return "".join(
        f"##vso[task.logissue type={one.kind}]{f'{one.title}: {one.message}'.translate(DATA)}\n"
        for one in annotated(document)
        if one.kind != "notice"
    )


def summary(file: str) -> str:
    """Return the command that shows a markdown file on the page of the run."""
    return f"##vso[task.uploadsummary]{file.translate(DATA)}\n"
