"""What a scan says, in the formats that people and programs read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

OUTPUTS = ("table", "json", "jsonl", "yaml", "tsv", "csv", "none")
"""What `--output` takes."""

REPORTS = ("json", "sarif", "junit", "html", "markdown", "csv")
"""What `--report FORMAT=FILE` takes."""

TEXTS = ("markdown", "junit", "html", "json", "jsonl", "yaml", "tsv", "csv", "github", "azure-devops", "none")
"""What `azremedy report --output` takes: what is made of a document alone, and is one text."""


def render(form: str, data: Any) -> str:
    """Return plain data in one of `OUTPUTS`, or a document in one of `TEXTS`, each line ended; `none` is the empty text."""
    if form == "none":
        return ""
    text: str = import_module(f"azremedy.report.{form.replace('-', '_')}").text(data)
    return text


def files(form: str, path: PurePath, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """
    Yield the files of a report in one of `REPORTS`, each by its name and its text, the report itself last.

    `path` is where the report goes, as seen from the working directory: SARIF points into a second file beside it.
    """
    if form == "sarif":
        from azremedy.report import sarif  # noqa: PLC0415 - a format is loaded when it is written

        beside = sarif.inventory_of(path)
        yield beside.name, sarif.inventory(document)
        yield path.name, sarif.text(document, beside.as_posix())
    else:
        yield path.name, render(form, of_document(form, document))


def of_document(form: str, document: Mapping[str, Any]) -> Any:
    """Return what a format shows of a scan's document: all of it, its findings, or one flat row for each."""
    if form == "jsonl":
        return document["findings"]
    if form in ("csv", "tsv"):
        return import_module("azremedy.report.document").rows(document)
    return document
