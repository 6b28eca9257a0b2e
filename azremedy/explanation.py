"""
What a code, a number, an id or a pasted message stands for, and what the documents and azremedy's playbooks say of it.

Offline and pure: the catalogue, the causes and the playbooks' cards are all that is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from azremedy import symptoms, wording
from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS, Edition, ExtensionResult, Symptom
from azremedy.causes import Cause, causes, covers, parts, unfolded
from azremedy.playbook import Playbook

Cards = Mapping[str, Playbook[Any]]

CERTAIN = 0.87
"""From this likeness on a text is taken for a message."""
CLEARLY = 0.02
"""By so much the likest message must be ahead of any other symptom's."""
POSSIBLE = 0.55
"""From this likeness on a message is offered as what may be meant."""
LONGEST = 200
"""Characters of what was asked that are compared with names."""
SHORTEST = 4
"""Characters from which on a part of a name is looked for in all of them."""
AROUND = " \t\r\n.,;:'\"`()[]<>\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
"""What surrounds a name that was copied out of a sentence."""


class Kind(StrEnum):
    """What was asked about."""

    SYMPTOM = "symptom"
    RESULT = "extension-result"
    CAUSE = "cause"
    PLAYBOOK = "playbook"


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    One thing explained.

    `causes` are those to look at, in the documented order, each that has parts as its parts. `symptoms` are the codes that
    list a cause, `playbooks` the ids of those that see one of the causes. `taken_for` is the documented message that the
    text asked about is like, where it is not equal to it.
    """

    kind: Kind
    id: str
    title: str
    means: str
    causes: tuple[Cause, ...] = ()
    playbooks: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    spanish: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    editions: tuple[Edition, ...] = ()
    in_2018: str = ""
    now: str = ""
    by_hand: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    taken_for: str | None = None


def find(asked: str, cards: Cards) -> Explanation | None:
    """Return what is meant by a word or a pasted text, or None where nothing is."""
    word = asked.strip(AROUND)
    if playbook := cards.get(word.lower().replace("_", "-")):
        return of_playbook(playbook)
    if cause := causes().get(cased(word)):
        return of_cause(cause, cards)
    if result := result_of(word):
        return of_result(result, cards)
    if symptom := numbered(word) or symptoms.in_text(word) or symptoms.in_text(asked):
        return of_symptom(symptom, cards)
    if result := result_in(asked):
        return of_result(result, cards)
    return likely(asked, cards)


def cased(word: str) -> str:
    """Return a cause id in the case of the documents: `C20A` as C20a, `c1W` as C1w."""
    return word[:1].upper() + word[1:].lower()


def numbered(word: str) -> Symptom | None:
    """Return the symptom with this published number."""
    return next((one for one in SYMPTOMS if word in map(str, one.numbers)), None)


def result_of(word: str) -> ExtensionResult | None:
    """Return the extension's result of this number or name."""
    return next(
        (
            one
            for one in EXTENSION_RESULTS
            if word == str(one.number) or (one.name and word.lower() == one.name.lower())
        ),
        None,
    )


def result_in(text: str) -> ExtensionResult | None:
    """Return the extension's result that a text names, by its name or as an error code of the extension."""
    lowered = text.lower()
    words = (*symptoms.NAME.findall(lowered), *symptoms.EXTENSION_NUMBER.findall(lowered))
    return next((found for word in words if (found := result_of(word))), None)


def likely(asked: str, cards: Cards) -> Explanation | None:
    """Return the symptom whose message is nearly this text, where no other's is as near."""
    found = iter(wording.near(asked, CERTAIN - CLEARLY))
    best, second = next(found, None), next(found, None)
    if best is None or best.likeness < CERTAIN:
        return None
    if second and best.likeness - second.likeness < CLEARLY:
        return None
    return replace(of_symptom(best.symptom, cards), taken_for=best.message)


def suggestions(asked: str, cards: Cards) -> tuple[str, ...]:
    """Return up to three things that can be explained and that may have been meant, the nearest first."""
    word = asked.strip(AROUND).lower()[:LONGEST]
    spelt = {name.lower(): name for name in names(cards)}
    close = [spelt[name] for name in get_close_matches(word, spelt, n=3, cutoff=0.7)]
    if len(word) >= SHORTEST:
        close += [name for name in spelt.values() if word in name.lower()]
    nearest = [one.message for one in wording.near(asked, POSSIBLE)]
    return tuple(dict.fromkeys((*close, *nearest, *holding(asked))))[:3]


def holding(asked: str) -> Iterator[str]:
    """Yield the messages that a text cut short is a part of."""
    part = symptoms.folded(asked[:LONGEST])
    if len(part.strip()) >= SHORTEST:
        yield from (
            message
            for symptom in SYMPTOMS
            for message in (*symptom.messages, *symptom.spanish)
            if part in symptoms.folded(message)
        )


def names(cards: Cards) -> Iterator[str]:
    """Yield every name that can be asked for."""
    yield from cards
    yield from causes()
    for symptom in SYMPTOMS:
        yield from (symptom.code, *symptom.spellings)
    yield from (result.name for result in EXTENSION_RESULTS if result.name)


def everything(cards: Cards) -> Iterator[Explanation]:
    """Yield all that can be explained: symptoms, results of the extension, causes, playbooks."""
    yield from (of_symptom(one, cards) for one in SYMPTOMS)
    yield from (of_result(one, cards) for one in EXTENSION_RESULTS)
    yield from (of_cause(one, cards) for one in causes().values())
    yield from map(of_playbook, cards.values())


def of_symptom(symptom: Symptom, cards: Cards) -> Explanation:
    listed = in_order(symptom.causes)
    return Explanation(
        Kind.SYMPTOM,
        symptom.code,
        symptom.messages[0].rstrip(".") if symptom.messages else "",
        symptom.means,
        causes=listed,
        playbooks=seeing(listed, cards),
        messages=symptom.messages,
        spanish=symptom.spanish,
        spellings=symptom.spellings,
        numbers=symptom.numbers,
        editions=tuple(one for one in symptom.editions if one.causes),
        in_2018=symptom.in_2018,
        now=symptom.now,
        by_hand=symptom.by_hand,
        sources=symptom.sources,
    )


def of_result(result: ExtensionResult, cards: Cards) -> Explanation:
    """Explain a result of the Linux extension: with the causes of the symptom that it shares, if it does."""
    shared = next((one for one in SYMPTOMS if one.code == result.symptom), None)
    listed = in_order(shared.causes) if shared else ()
    return Explanation(
        Kind.RESULT,
        str(result.number),
        result.name or "a result without a published name",
        result.means,
        causes=listed,
        playbooks=seeing(listed, cards),
        symptoms=(shared.code,) if shared else (),
        numbers=(result.number,),
        by_hand=(result.by_hand,) if result.by_hand else (),
        sources=("EXT",),
    )


def of_cause(cause: Cause, cards: Cards) -> Explanation:
    held = in_order((cause.id,))
    return Explanation(
        Kind.CAUSE,
        cause.id,
        cause.title,
        cause.means,
        causes=held,
        playbooks=seeing(held, cards),
        symptoms=tuple(one.code for one in SYMPTOMS if one.lists(*(part.id for part in held))),
        in_2018=cause.in_2018,
        now=cause.now,
        by_hand=cause.by_hand,
        sources=cause.sources,
    )


def of_playbook(playbook: Playbook[Any]) -> Explanation:
    about, _, sources = playbook.about.partition("Sources:")
    held = in_order(playbook.causes)
    return Explanation(
        Kind.PLAYBOOK,
        playbook.id,
        playbook.title,
        "\n\n".join(" ".join(part.split()) for part in about.strip().split("\n\n")),
        causes=held,
        playbooks=(playbook.id,),
        symptoms=tuple(one.code for one in SYMPTOMS if one.lists(*(part.id for part in held))),
        sources=tuple(re.findall(r"\w+(?:-\d+)?", sources.partition(";")[0])),
    )


def in_order(listed: tuple[str, ...]) -> tuple[Cause, ...]:
    """Return the causes that a list names, in its order and each once, those with parts as their parts."""
    return tuple(causes()[one] for one in dict.fromkeys(unfolded(listed)))


def seeing(held: tuple[Cause, ...], cards: Cards) -> tuple[str, ...]:
    """Return the playbooks that see one of these causes, in the order of the causes."""
    return tuple(dict.fromkeys(id_ for cause in held for id_ in seers(cause, cards)))


def seers(cause: Cause, cards: Cards) -> tuple[str, ...]:
    """Return the playbooks whose card names a cause, or a part of it."""
    within = parts(cause.id)
    return tuple(id_ for id_, card in cards.items() if any(covers(card.causes, one) for one in within))
