"""Options, each with its environment form, and what their values mean."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from azremedy.errors import AzremedyError
from azremedy.report import OUTPUTS, REPORTS

F = TypeVar("F", bound=Callable[..., Any])


COMPLETING = "_AZREMEDY_COMPLETE"
"""The variable that a shell's script sets when it asks what may stand at the cursor (`azremedy.cli.completion`)."""

SETTINGS = "azremedy.settings"
"""Where a context keeps what files set (`azremedy.cli.config`)."""


class Option(click.Option):
    """
    An option whose environment form is split at commas where the flag may be repeated.

    What neither the command line nor the environment says, a file may.
    """

    def value_from_envvar(self, ctx: click.Context) -> Any:
        if not self.multiple:
            return super().value_from_envvar(ctx)
        value = self.resolve_envvar_value(ctx)
        return None if value is None else [part.strip() for part in value.split(",") if part.strip()]

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, click.Parameter]
    ) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.DEFAULT and self.envvar and SETTINGS in ctx.meta:
            held = ctx.meta[SETTINGS].of(ctx.command)
            if self.name in held:
                return held[self.name], ParameterSource.DEFAULT_MAP
        return value, source


def option(*names: str, environment: bool = True, **attributes: Any) -> Callable[[F], F]:
    """Make an option; `--fail-on` is also `AZREMEDY_FAIL_ON`, for every command that has it."""
    flag = next(name for name in names if name.startswith("--"))
    variable = "AZREMEDY_" + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(
        *names,
        cls=Option,
        envvar=variable if environment else None,
        show_envvar=environment,
        **attributes,
    )


UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def seconds(of: timedelta | None) -> float | None:
    """Return a length of time that a flag gives, in seconds; None where it is not given."""
    return of.total_seconds() if of else None


def span(written: str) -> timedelta:
    """Return the length of time that `7d`, `36h`, `10m` or `90s` stands for."""
    parts = re.fullmatch(r"([0-9]{1,5})([wdhms])", written.strip().lower())
    if not parts or not int(parts[1]):
        raise click.BadParameter(f"{written!r} is no duration such as 7d, 36h, 10m or 90s.")
    return timedelta(**{UNITS[parts[2]]: int(parts[1])})


GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def subscription_id(written: str) -> str:
    """Return a subscription's id, for commands that ask nobody what a name stands for."""
    id_ = written.strip().removeprefix("/subscriptions/").rstrip("/")
    if not GUID.fullmatch(id_):
        raise click.BadParameter(f"{written!r} is no subscription's id; 'az account list' shows them.")
    return id_.lower()


def playbook_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    """Return the ids of playbooks that begin so, for a shell to complete."""
    from azremedy.playbook import load  # noqa: PLC0415 - only a shell that completes asks

    return [name for name in load() if name.startswith(incomplete)]


class Report(NamedTuple):
    """A report to be written: its format and its file."""

    form: str
    path: Path


def report(written: str) -> Report:
    """Return the report that `json=FILE` asks for."""
    form, _, file = written.partition("=")
    if not file:
        raise click.BadParameter(f"{written!r} is not of the form FORMAT=FILE, such as json=scan.json.")
    if form not in REPORTS:
        raise click.BadParameter(
            f"{form!r} is no format; there are {', '.join(REPORTS[:-1])} and {REPORTS[-1]}."
        )
    return Report(form, target(file))


def apart(ctx: click.Context, param: click.Parameter, value: tuple[Report, ...]) -> tuple[Report, ...]:  # noqa: ARG001 - click's signature
    """Refuse reports of which one would be written over another."""
    taken: dict[str, Report] = {}
    for one in value:
        for file in written(one):
            other = taken.setdefault(os.path.normcase(file.resolve()), one)
            if other is not one:
                raise click.BadParameter(
                    f"{other.form}={other.path} and {one.form}={one.path} would be written to the same file."
                )
    return value


def written(of: Report) -> tuple[Path, ...]:
    """Return the files of a report."""
    if of.form != "sarif":
        return (of.path,)
    from azremedy.report.sarif import inventory_of  # noqa: PLC0415 - a format is loaded when it is written

    return of.path, of.path.with_name(inventory_of(of.path).name)


def target(file: str) -> Path:
    """Return a file to be written, refusing now what could not be written after minutes of reading."""
    if file == "-":
        raise click.BadParameter("'-' is no file: what goes to standard output is said with --output.")
    path = Path(file)
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"the folder {str(path.parent)!r} does not exist.")
    if path.is_dir():
        raise click.BadParameter(f"{file!r} is a folder.")
    return path


def output(
    default: str = "table",
    outputs: Sequence[str] = OUTPUTS,
    text: str = "What is written to standard output.",
) -> Callable[[F], F]:
    """Make `--output`."""
    return option(
        "--output",
        "-o",
        type=click.Choice(outputs),
        default=default,
        show_default=True,
        help=text,
    )


def reports(text: str) -> Callable[[F], F]:
    """Make `--report`."""
    return option("--report", type=report, multiple=True, callback=apart, metavar="FORMAT=FILE", help=text)


def annotation() -> Callable[[F], F]:
    """Make `--annotate`."""
    return option(
        "--annotate",
        type=click.Choice(("auto", "github", "azure-devops", "never")),
        default="auto",
        show_default=True,
        help="Annotations and summary of a build server; auto asks GITHUB_ACTIONS and TF_BUILD.",
    )


def color() -> Callable[[F], F]:
    """Make `--color`."""
    return option(
        "--color",
        type=click.Choice(("auto", "always", "never")),
        default="auto",
        show_default=True,
        help="Colours; auto obeys NO_COLOR, FORCE_COLOR and the terminal.",
    )


def debugging() -> Callable[[F], F]:
    """Make `--debug`; whether it is given stands in the context's object, where `run` finds it too."""
    return option(
        "--debug",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="Log HTTP on standard error, and show tracebacks.",
    )


def remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if ctx.obj is not None and param.name:
        ctx.obj[param.name] = value
    if value and SETTINGS in ctx.meta:
        ctx.meta[SETTINGS].tell()


def meant(word: str, words: Iterable[str]) -> str:
    """Return ` Did you mean 'sql1'?` with a leading space, or nothing where no word is close."""
    spelt = {one.lower(): one for one in words}
    near = get_close_matches(word.lower(), spelt, n=1)
    return f" Did you mean {spelt[near[0]]!r}?" if near else ""


def pick(word: str, words: Iterable[str], kind: str) -> str:
    """Return `word` if it is one of `words`, else raise `AzremedyError` with what was probably meant."""
    known = list(words)
    if word in known:
        return word
    raise AzremedyError(f"There is no {kind} {word!r}.{meant(word, known)} There are: {', '.join(known)}.")


def refuse_inside(named: Iterable[str], advice: str) -> None:
    """Raise `AzremedyError` for a playbook that judges the inside of VMs, where nobody lets azremedy ask there."""
    from azremedy.playbook import load  # noqa: PLC0415 - only who names a playbook asks

    known = load()
    if inside := [name for name in named if name in known and known[name].inside]:
        raise AzremedyError(f"{inside[0]} shows only inside a VM: {advice}.")
