"""What a scan says, in the formats that people and programs read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUTS = ("table", "json", "jsonl", "yaml", "tsv", "csv", "none")
"""What `--output` takes."""

REPORTS = ("json", "csv")
"""What `--report FORMAT=FILE` takes."""

LATER = ("sarif", "junit", "html", "markdown")
"""Formats that `--report` knows by name and cannot write."""


def render(form: str, data: Any) -> str:
    """Return plain data in one of `OUTPUTS`, each line ended; `none` is the empty text."""
    if form == "none":
        return ""
    text: str = import_module(f"azremedy.report.{form}").text(data)
    return text


def of_document(form: str, document: Mapping[str, Any]) -> Any:
    """Return what a format shows of a scan's document: all of it, its findings, or one flat row for each."""
    if form == "jsonl":
        return document["findings"]
    if form in ("csv", "tsv"):
        return import_module("azremedy.report.document").rows(document)
    return document
