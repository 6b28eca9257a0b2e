"""`--mask`: what is shown names nobody's estate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from azremedy.cli.options import option
from azremedy.cli.output import voice

if TYPE_CHECKING:
    from azremedy.estate import Estate
    from azremedy.masking import Mask
    from azremedy.resources import Subscription
    from azremedy.scan import Scan

F = TypeVar("F", bound=Callable[..., Any])


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


def mask() -> Callable[[F], F]:
    """Make `--mask`; its value is the veil, or None without it."""
    return option(
        "--mask",
        is_flag=True,
        callback=veiled,
        help="Show pseudonyms for subscriptions, names and addresses, on standard error too.",
    )


def veiled(ctx: click.Context, param: click.Parameter, value: bool) -> Veil | None:  # noqa: ARG001 - click's signature
    return Veil() if value else None
