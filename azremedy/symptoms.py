"""
Symptoms: which documented error a failed backup bears, by number, name or text.

Jobs carry integers without a published table and texts in the portal's language; names turn up in any of the texts
and in several spellings. Matching is tolerant for that reason, and says nothing rather than guess.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS, Symptom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azremedy.resources import Job, JobError

__all__ = ["Symptom", "in_text", "of"]

NAME = re.compile(r"[a-z][a-z0-9]{8,}")
NO_LETTERS = re.compile(r"[\W\d_]+")
EXTENSION_NUMBER = re.compile(
    r"""(?: errorcode ["']? \s* [=:] \s* | \bextension\b [^.]{0,80}? \berror\ code\b \s* [=:]? \s* )
        ["']? (\d{1,4}) (?! \w | \.\d )""",
    re.VERBOSE,
)
"""A number that the text calls an error code of the extension: `ErrorCode=76`, `extension … error code 76`."""


def of(job: Job) -> Symptom | None:
    """
    Return what a failed job's error is known as, or None where nothing in it is documented.

    A wrapper such as `UserErrorCrpReportedUserError` gives way to whatever else the same job says. Recommendations
    do not count: an error that is mentioned in them is not the one that happened.
    """
    numbers = tuple(error.code for error in job.errors if error.code is not None)
    stated = [text for error in job.errors for text in (error.title, error.text)]
    return told_by(numbers, present(*stated, job.dynamic_text))


@lru_cache(4096)
def told_by(numbers: tuple[int, ...], texts: tuple[str, ...]) -> Symptom | None:
    """Return what these say together; the jobs of an outage say all the same."""
    return innermost(matches(numbers, texts))


def stated_by(job: Job, symptom: Symptom | None) -> JobError | None:
    """Return the entry of a job's errors that bears its symptom, else the first: a wrapper may stand before it."""
    if symptom:
        alone = ((error, replace(job, errors=(error,), dynamic_text=None)) for error in job.errors)
        if bearer := next((error for error, one in alone if of(one) is symptom), None):
            return bearer
    return job.errors[0] if job.errors else None


def in_text(text: str) -> Symptom | None:
    """Return the symptom that a text of any origin speaks of: a code, a pasted portal message."""
    return innermost(matches((), (text,)))


def present(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def innermost(found: Iterator[Symptom]) -> Symptom | None:
    wrapper = None
    for symptom in found:
        if not symptom.wrapper:
            return symptom
        wrapper = wrapper or symptom
    return wrapper


def matches(numbers: tuple[int, ...], texts: tuple[str, ...]) -> Iterator[Symptom]:
    """Yield every symptom found: by number, by what the extension says, by name, by text; the longest text first."""
    index = lookups()
    yield from (index.numbers[number] for number in numbers if number in index.numbers)
    lowered = [text.lower() for text in texts]
    for text in lowered:
        results = (int(number) for number in EXTENSION_NUMBER.findall(text))
        yield from (
            index.extension_numbers[result] for result in results if result in index.extension_numbers
        )
    for lookup in (index.extension_names, index.names):
        for text in lowered:
            tokens = (plain(token) for token in NAME.findall(text))
            yield from (lookup[token] for token in tokens if token in lookup)
    whole = folded(" ".join(texts))
    yield from (symptom for message, symptom in index.messages if message in whole)
    alone = (plain(text.strip(" .:'\"\r\n\t")) for text in lowered)
    yield from (index.generic[name] for name in alone if name in index.generic)


@dataclass(frozen=True, slots=True)
class Lookups:
    """The catalogue turned around, made once."""

    numbers: Mapping[int, Symptom]
    extension_numbers: Mapping[int, Symptom]
    extension_names: Mapping[str, Symptom]
    names: Mapping[str, Symptom]
    generic: Mapping[str, Symptom]
    messages: tuple[tuple[str, Symptom], ...]


@cache
def lookups() -> Lookups:
    coded = {symptom.code: symptom for symptom in SYMPTOMS}
    results = [(result, coded[result.symptom]) for result in EXTENSION_RESULTS if result.symptom]
    messages = {
        folded(message): symptom for symptom in SYMPTOMS for message in (*symptom.messages, *symptom.spanish)
    }
    return Lookups(
        numbers={number: symptom for symptom in SYMPTOMS for number in symptom.numbers},
        extension_numbers={result.number: symptom for result, symptom in results},
        extension_names={plain(result.name): symptom for result, symptom in results if result.name},
        names={
            plain(name): symptom
            for symptom in SYMPTOMS
            if not symptom.generic
            for name in (symptom.code, *symptom.spellings)
        },
        generic={plain(symptom.code): symptom for symptom in SYMPTOMS if symptom.generic},
        messages=tuple(sorted(messages.items(), key=lambda one: len(one[0]), reverse=True)),
    )


def plain(name: str) -> str:
    """Return a symbolic name without what its spellings differ in."""
    return name.lower().replace("extention", "extension").removesuffix("v2")


def folded(text: str) -> str:
    """
    Return a text without case, accents, numbers and punctuation, its words parted and framed by single blanks.

    Limits in messages change over the years (1023GB, 4095GB) and quotes come straight or curly: neither counts.
    """
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(part for part in parts if not unicodedata.combining(part))
    words = NO_LETTERS.sub(" ", text.casefold()).strip()
    return f" {words.replace('extention', 'extension')} "
