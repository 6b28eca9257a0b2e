"""`--mask`: what is shown names nobody's estate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from azremedy.cli.options import option
from azremedy.cli.output import voice
from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from azremedy.cli.looking import Look
    from azremedy.estate import Estate
    from azremedy.masking import Mask
    from azremedy.report.diagnosis import Case
    from azremedy.resources import Subscription
    from azremedy.scan import Scan

F = TypeVar("F", bound=Callable[..., Any])

NAMING = {
    "subscription": "subscription",
    "resource_group": "group",
    "vm": "vm",
    "vault": "vault",
    "policy": "policy",
    "item": "item",
    "job": "job",
    "tenant": "tenant",
}
"""Flags that hold names, and what each is called."""


class Veil:
    """
    The pseudonyms of a command: for a scan those of its own estate, for a line on stderr all that are known by then.

    From when it is made, every line on stderr passes through it.
    """

    def __init__(self) -> None:
        from azremedy.masking import Mask  # noqa: PLC0415 - only --mask needs it
        from azremedy.playbook import load  # noqa: PLC0415 - as above

        self.masks: dict[str, Mask] = {}
        self.every = Mask(words=load())
        self.estate_mask = Mask.of
        voice.through = self.every.text

    def names(self, **named: Iterable[str | None]) -> None:
        """Take in names by their kind, as whoever runs the command wrote them."""
        for kind, some in named.items():
            for name in some:
                if name:
                    self.every.learn_name(kind, name.rpartition("/")[2], self.every.own)

    def asked(self, flags: Any) -> None:
        """Take in the names that a command's flags hold."""
        for flag, kind in NAMING.items():
            named = getattr(flags, flag, None) or ()
            self.names(**{kind: (named,) if isinstance(named, str) else named})

    def about(self, subscription: Subscription) -> None:
        """Take in what is known of a subscription before it is read."""
        self.every.learn(subscription)

    def learn(self, estate: Estate) -> None:
        """Take in an estate, before anything is said of it."""
        made = self.estate_mask(estate, self.every.kept)
        self.masks[estate.subscription.id.key] = made
        self.every.take(made)

    def scan(self, scan: Scan) -> Scan:
        """Return a scan with pseudonyms."""
        return self.masks[scan.subscription.id.key].masked(scan)

    def of(self, estate: Estate, plan: object) -> Mask:
        """Return the pseudonyms for what is shown of an estate and of a plan for it."""
        self.learn(estate)
        made = self.masks[estate.subscription.id.key]
        made.learn(plan)
        self.every.take(made)
        return made

    def look(self, seen: Look, mask: Mask) -> Look:
        """Return what was read, found and planned, with pseudonyms; of the estate only what a dry run shows."""
        kept = self.of_estate(seen.estate, mask)
        return replace(seen, estate=kept, scan=mask.masked(seen.scan), plan=mask.masked(seen.plan))

    def of_estate(self, estate: Estate, mask: Mask) -> Estate:
        """Return an estate in which nothing is left but which subscription it is, and what could not be read of it."""
        head = ("subscription", "read_at", "lookback", "reads", "unread")
        return type(estate)(**{name: mask.masked(getattr(estate, name)) for name in head})

    def case(self, case: Case) -> Case:
        """Return what is said of one VM, with pseudonyms."""
        return self.of(case.subject.estate, case.plan).masked(case)


def mask() -> Callable[[F], F]:
    """Make `--mask`; its value is the veil, or None without it."""
    return option(
        "--mask",
        is_flag=True,
        callback=veiled,
        help="Show pseudonyms for subscriptions, names and addresses, on standard error too.",
    )


def refuse_beside(mask: Veil | None, given: Mapping[str, object]) -> None:
    """Raise `AzremedyError` for a flag beside `--mask` that writes, keeps or logs names as they are."""
    for name in (one for one, value in given.items() if mask and value):
        does = DOES.get(name, "writes names as they are")
        raise AzremedyError(f"--{name} {does}, which --mask is there to hide: give one of them.")


DOES = {
    "guest": "keeps a journal with names as they are",
    "save": "keeps a plan with names as they are",
    "apply": "keeps a journal with names as they are",
    "as": "prints commands with names as they are",
}
"""What flags do that shows names, where it is not writing them."""


def veiled(ctx: click.Context, param: click.Parameter, value: bool) -> Veil | None:  # noqa: ARG001 - click's signature
    return Veil() if value else None
