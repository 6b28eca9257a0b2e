"""
A scan as one page that needs nothing else: no network, no other file, and no script to be read.

What comes from Azure is shown, never obeyed: every text goes through `plain`, then through Jinja's escaping, and the
page forbids itself every script, style and request but its own two inline blocks, which it names by their hashes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from jinja2.loaders import DictLoader
from markupsafe import Markup

from azremedy.report.excerpt import aged
from azremedy.report.html import figures, gaps
from azremedy.report.html.dryrun import planned
from azremedy.report.html.findings import SEVERITIES, active, rows
from azremedy.report.plain import plain

AT_ONCE = 100
"""Findings that the screen shows before the reader asks for more; paper shows all."""

LISTED = 100
"""Members of a list that a page names; the JSON has the rest."""


def text(document: Mapping[str, Any]) -> str:
    """
    Return the page of a scan's document (`schemas/scan.json`).

    Where the document has a member `plan` (`schemas/plan.json`), a finding unfolds to what the plan would do about it;
    else to the command line that shows it.
    """
    found = list(rows(document))
    shown, plan = active(found), document.get("plan")
    style, script = Markup(asset("style.css")), Markup(asset("script.js"))  # noqa: S704 - our own files, not data
    page: str = template().render(
        document=document,
        rows=shown,
        suppressed=[row for row in found if row.of["suppressed"]],
        stopped=len({row.vm for row in shown if row.of["severity"] in SEVERITIES[:2]}),
        severities=figures.severities(shown),
        causes=figures.causes(shown),
        forecast=figures.forecast(shown, document["finishedAt"]),
        coverage=figures.coverage(document["subscriptions"]),
        unknown=gaps.unknown(document),
        unread=gaps.unread(document),
        undecided=gaps.undecided(document),
        aged=aged(document),
        plan=plan,
        groups={group.id: group for group in planned(plan)} if plan else {},
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{pinned(style)}'; script-src '{pinned(script)}'; "
        "base-uri 'none'; form-action 'none'",
    )
    return page


@cache
def template() -> Any:
    """Return the template of the page."""
    environment = Environment(
        loader=DictLoader({name: asset(name) for name in ("page.jinja", "parts.jinja")}),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": moment, "words": words, "number": number}
    environment.globals |= {
        "SEVERITIES": SEVERITIES,
        "AT_ONCE": AT_ONCE,
        "LISTED": LISTED,
        "WIDTH": figures.WIDTH,
    }
    return environment.get_template("page.jinja")


def asset(name: str) -> str:
    """Return a file of this package, with the line ends that its hash is made of."""
    lines = files(__name__).joinpath(name).read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines)


def pinned(code: str) -> str:
    """Return what a Content-Security-Policy calls an inline block by."""
    return f"sha256-{b64encode(sha256(code.encode()).digest()).decode()}"


def harmless(value: object) -> object:
    """Return what the page prints of a value: markup of our own as it is, all else as visible text."""
    return value if isinstance(value, Markup) else plain(value)


def moment(written: str) -> str:
    """Return a time of the document as a person reads it: `2026-11-22 07:00 UTC`."""
    return datetime.fromisoformat(written).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def words(name: str) -> str:
    """Return a member's name in words: `daysLeft` is `days left`."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()


def number(of: int) -> str:
    return f"{of:,}"
