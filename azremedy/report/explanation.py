"""What a code, a message, a cause or a playbook means: for a program, and for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from azremedy import __version__
from azremedy.causes import Cause, causes
from azremedy.explanation import Cards, Explanation, seers
from azremedy.playbook import Playbook

SCHEMA_VERSION = 1
Document = Mapping[str, Any]
"""Explanations as `schemas/explanation.json` describes them."""


def document(found: Sequence[Explanation], cards: Cards, asked: str | None = None) -> dict[str, Any]:
    """Return explanations with the causes that they name, and the playbooks that they or these causes name, each once."""
    held = {cause.id: cause for one in found for cause in one.causes}
    named = {id_ for one in found for id_ in one.playbooks}
    named.update(id_ for cause in held.values() for id_ in seers(cause, cards))
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "asked": asked,
        "explanations": [explained(one) for one in found],
        "causes": [of_cause(held[id_], cards) for id_ in causes() if id_ in held],
        "playbooks": [of_card(card) for id_, card in cards.items() if id_ in named],
    }


def explained(one: Explanation) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "id": one.id,
        "title": one.title or None,
        "takenFor": one.taken_for,
        "means": one.means,
        "messages": list(one.messages),
        "spanish": list(one.spanish),
        "spellings": list(one.spellings),
        "numbers": list(one.numbers),
        "editions": [{"name": edition.name, "causes": list(edition.causes)} for edition in one.editions],
        "causes": [cause.id for cause in one.causes],
        "playbooks": list(one.playbooks),
        "symptoms": list(one.symptoms),
        "in2018": one.in_2018 or None,
        "now": one.now or None,
        "byHand": list(one.by_hand),
        "sources": list(one.sources),
    }


def of_cause(cause: Cause, cards: Cards) -> dict[str, Any]:
    """Return a cause with the ids of the playbooks that see it."""
    return {
        "id": cause.id,
        "title": cause.title,
        "os": cause.os or None,
        "means": cause.means,
        "tells": cause.tells or None,
        "playbooks": list(seers(cause, cards)),
        "in2018": cause.in_2018 or None,
        "now": cause.now,
        "byHand": list(cause.by_hand),
        "sources": list(cause.sources),
    }


def of_card(card: Playbook[Any]) -> dict[str, Any]:
    return {
        "id": card.id,
        "title": card.title,
        "causes": list(card.causes),
        "class": card.fix_class.value,
        "remedy": card.remedy,
    }


def seen_by(cause: Document, cards: Mapping[str, Document]) -> Iterator[str]:
    """Yield how azremedy sees a cause, a line for each playbook: or what would have to be looked at."""
    for id_ in cause["playbooks"]:
        yield f"{id_}: {cards[id_]['title']}"
    if not cause["playbooks"] and cause["tells"]:
        yield f"no playbook; what would tell: {cause['tells']}"


def done_about(cause: Document, cards: Mapping[str, Document]) -> Iterator[str]:
    """Yield what azremedy can do about a cause, a line for each playbook."""
    for id_ in cause["playbooks"]:
        yield f"{id_} ({cards[id_]['class']}): {cards[id_]['remedy']}"


def order(editions: Iterable[Document]) -> Iterator[str]:
    """Yield what each edition lists, those that list the same together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for one in editions:
        together.setdefault(tuple(one["causes"]), []).append(one["name"])
    for listed, names in together.items():
        yield f"{', '.join(names)}: {' '.join(listed)}"
