"""
How near a pasted text comes to a documented message: for what was copied with a typo or lost its accents on the way.

What bears a message whole is `symptoms.in_text`'s to tell. This looks for the passage of a text that is most like a
message, whatever stands before and behind it (times, names, the id of a job).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from azremedy.catalogue import SYMPTOMS, Symptom
from azremedy.symptoms import folded

WORDS = 200
"""Words of a text that are looked at; what is longer is no message."""

IN_COMMON = 0.4
"""The part of a message's words that a passage has to share before its letters are compared."""


@dataclass(frozen=True, slots=True)
class Near:
    """A message, the symptom that bears it, and how like it a passage is: 1 for equal, 0 for nothing in common."""

    message: str
    symptom: Symptom
    likeness: float


def near(text: str, least: float) -> tuple[Near, ...]:
    """Return the symptoms of which a message is at least so like a passage of the text, the nearest first."""
    words = folded(text[: WORDS * 20]).split()[:WORDS]
    best: dict[str, Near] = {}
    for one in compared(words):
        held = best.get(one.symptom.code)
        if one.likeness >= least and (held is None or held.likeness < one.likeness):
            best[one.symptom.code] = one
    return tuple(sorted(best.values(), key=lambda one: -one.likeness))


def compared(words: Sequence[str]) -> Iterator[Near]:
    """Yield every documented message with its likeness."""
    for symptom in SYMPTOMS:
        for message in (*symptom.messages, *symptom.spanish):
            yield Near(message, symptom, likeness(folded(message).split(), words))


def likeness(message: Sequence[str], words: Sequence[str]) -> float:
    """Return how like a message the passage is that shares most words with it."""
    blocks = SequenceMatcher(None, message, words, autojunk=False).get_matching_blocks()[:-1]
    if sum(block.size for block in blocks) < IN_COMMON * len(message):
        return 0.0
    first, last = blocks[0], blocks[-1]
    begin = max(0, first.b - first.a)
    end = last.b + len(message) - last.a
    passage = " ".join(words[begin:end])
    return SequenceMatcher(None, " ".join(message), passage, autojunk=False).ratio()
