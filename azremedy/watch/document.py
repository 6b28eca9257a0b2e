"""News as one plain document, the one that `schemas/watch.json` describes, and as lines for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from azremedy import __version__
from azremedy.baseline import Since
from azremedy.report.document import found, gap, known, moment, undecided, unknown
from azremedy.report.plain import plain, plain_json
from azremedy.watch.news import Looked, News, counts

SCHEMA_VERSION: Final = 1

FINDINGS: Final = ("new", "worse", "gone")


def document(news: News, looked: Looked) -> dict[str, Any]:
    """Return what is told: the changes, and beside them how many findings there are in all."""
    made = {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "at": moment(news.at),
        "since": news.since and moment(news.since),
        "subscriptions": [
            {"id": scan.subscription.id.subscription, "name": scan.subscription.name} for scan in looked.scans
        ],
        "new": [found(one, since=Since.NEW) for one in news.new],
        "worse": [found(one, since=Since.WORSE) for one in news.worse],
        "gone": [known(one) for one in news.gone],
        "due": [found(one, since=Since.UNCHANGED) for one in news.due],
        "unexplained": [unknown(one) for one in news.unexplained],
        "unread": [gap(one) for one in news.unread],
        "readAgain": list(news.read_again),
        "failure": news.failure and {"reason": str(news.failure), "exitCode": int(news.failure.exit)},
        "recovered": news.recovered,
        "unseen": [known(one) for one in looked.compared.unseen],
        "notEvaluated": [undecided(one) for scan in looked.scans for one in scan.not_evaluated],
        "summary": None if looked.failure else counts(looked),
    }
    return {"id": identity(made), **made}


def identity(made: Mapping[str, Any]) -> str:
    """Return what names these news, the same when they are told once more: a hash of what changed, but of no words about it."""
    told = {
        **{name: [[one["fingerprint"], one["severity"]] for one in made[name]] for name in FINDINGS},
        "due": [[one["fingerprint"], one["due"]] for one in made["due"]],
        "unexplained": [one["vm"].lower() for one in made["unexplained"]],
        "unread": [[one["scope"].lower(), one["what"]] for one in made["unread"]],
        "readAgain": made["readAgain"],
        "failure": made["failure"] and made["failure"]["exitCode"],
        "recovered": made["recovered"],
        "subscriptions": [one["id"] for one in made["subscriptions"]],
    }
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def line(made: Mapping[str, Any]) -> bytes:
    """Return a document on one line, in plain ASCII in which nothing begins a command of a build server."""
    return plain_json(json.dumps(made, separators=(",", ":"))).encode("ascii") + b"\n"


def text(made: Mapping[str, Any]) -> str:
    """Return a document for a person, a line for each change."""
    return "".join(f"{plain(one)}\n" for one in lines(made))


def lines(made: Mapping[str, Any]) -> Iterator[str]:
    yield f"{made['at']}: {summary(made)}"
    for word in ("new", "worse", "due"):
        for one in made[word]:
            unsaid = one["due"] and one["due"] not in one["message"]
            day = f" (from {one['due']} on)" if unsaid else ""
            yield f"  {word:6} {one['severity']:12} {place(one['vm'])}: {one['playbook']}: {one['message']}{day}"
    for one in made["gone"]:
        yield f"  gone   {one['severity']:12} {place(one['vm'])}: {one['playbook']}"
    for one in made["unexplained"]:
        yield f"  unexplained: {place(one['vm'])}: {one['because']}"
    for one in made["unread"]:
        yield f"  unread: {one['what']} of {one['scope']}: {one['reason']}"
    for one in made["readAgain"]:
        yield f"  read again: {one}"
    if made["failure"]:
        yield f"  nothing is known: {made['failure']['reason']}"
    if made["recovered"]:
        yield "  scans come to something again"
    if made["unseen"]:
        yield f"  known before, and could not be looked at: {len(made['unseen'])}"


def summary(made: Mapping[str, Any]) -> str:
    """Return how many changes there are of each kind."""
    if made["failure"]:
        return "the scan failed"
    words = {one: one for one in ("new", "worse", "gone", "due", "unexplained", "unread")}
    said = {**words, "readAgain": "read again"}
    return (
        ", ".join(f"{len(made[name])} {word}" for name, word in said.items() if made[name]) or "nothing new"
    )


def place(vm: str) -> str:
    """Return what a person calls a VM: group and name."""
    parts = vm.split("/")
    return "/".join(parts[4::4]) if len(parts) == 9 else vm
