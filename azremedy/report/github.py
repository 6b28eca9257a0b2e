"""GitHub Actions: workflow commands for the log, and what a step hands on to later ones."""

from __future__ import annotations

from hashlib import sha256

from azremedy.report import excerpt
from azremedy.report.annotations import annotated
from azremedy.report.excerpt import Document

DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY = DATA | str.maketrans({":": "%3A", ",": "%2C"})


def text(document: Document) -> str:
    """Return the annotations of a scan, one command a line."""
    return "".join(
        f"::{one.kind} title={one.title.translate(PROPERTY)}::{one.message.translate(DATA)}\n"
        for one in annotated(document)
    )


def outputs(document: Document, exit_code: int, plan: str = "") -> str:
    """
    Return what is appended to `$GITHUB_OUTPUT`.

    `findings` counts those that no suppression covers, `highest` is the worst severity among them or `none`, `plan` the
    file of a plan, if one was saved, and `exit-code` what the process ends with.
    """
    found = excerpt.active(document)
    values = {
        "findings": len(found),
        "highest": found[0]["severity"] if found else "none",
        "plan": plan,
        "exit-code": exit_code,
    }
    return "".join(output(name, str(value)) for name, value in values.items())


def output(name: str, value: str) -> str:
    """Return the line of an output; a value of several lines stands between two that cannot be part of it."""
    if value.isprintable():
        return f"{name}={value}\n"
    edge = f"azremedy-{sha256(value.encode(errors='surrogatepass')).hexdigest()}"
    return f"{name}<<{edge}\n{value}\n{edge}\n"
