"""`azremedy explain`: what a code, a number, a message, a cause or a playbook means, and what can be done."""

from __future__ import annotations

import sys

import click

from azremedy.cli.options import color, debugging, option, output
from azremedy.cli.output import colored, put, width
from azremedy.errors import AzremedyError
from azremedy.explanation import Cards, Explanation, everything, find, names, suggestions
from azremedy.playbook import load
from azremedy.report import render
from azremedy.report.excerpt import shortened
from azremedy.report.explanation import document

OUTPUTS = ("table", "json", "yaml", "markdown", "none")
SHOWN = 80
"""Characters of what was asked that an error repeats."""


def known_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Return what can be explained and begins so, for a shell to complete."""
    begun = incomplete.lower()
    return [name for name in names(load()) if name.lower().startswith(begun)]


@click.command()
@click.argument("what", nargs=-1, shell_complete=known_names)
@option(
    "--all",
    "all_",
    is_flag=True,
    environment=False,
    help="Explain every code, number, cause and playbook.",
)
@output(outputs=OUTPUTS)
@color()
@debugging()
def explain(what: tuple[str, ...], all_: bool, output: str, color: str) -> None:
    """
    Explain a code, a number, a cause, a playbook, or a message pasted from the portal, in English or Spanish.

    It says what it means, the causes in the documented order, how azremedy sees each, what it can do and what only a
    person can do, what was advised in 2018 and what holds today. '-' reads the text from standard input. Nothing is read
    from Azure.
    """
    cards, asked = load(), text_of(what)
    if bool(asked) is all_:
        raise AzremedyError(
            "Say what to explain, such as UserErrorRpCollectionLimitReached, C6 or a pasted message; "
            "--all explains everything."
        )
    made = document(list(everything(cards)) if all_ else [meant(asked, cards)], cards, asked or None)
    if output == "table":
        from azremedy.report import explained  # noqa: PLC0415 - only the screen needs rich

        shown = colored(color)
        put(explained.text(made, width=width(), color=shown), color=shown)
    elif output == "markdown":
        from azremedy.report import symptoms_page  # noqa: PLC0415 - a format is loaded when it is written

        put(symptoms_page.text(made))
    else:
        put(render(output, made))


def text_of(what: tuple[str, ...]) -> str:
    """Return what is asked about: the words as one text, or what standard input holds for `-`."""
    if what == ("-",):
        return sys.stdin.read().strip()
    return " ".join(what).strip()


def meant(asked: str, cards: Cards) -> Explanation:
    """Return what is meant. Raises `AzremedyError` with what may be meant instead."""
    if found := find(asked, cards):
        return found
    near = [repr(one) for one in suggestions(asked, cards)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    if asked.isdigit():
        hint += (
            " Of most numbers in jobs no meaning is published: paste the text that stands beside it instead."
        )
    raise AzremedyError(
        f"Nothing is known of {shortened(asked, SHOWN)!r}.{hint} 'azremedy explain --all' lists what is known."
    )
