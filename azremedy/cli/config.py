"""
`azremedy.toml`: what a user and a project set once, between the environment and the defaults.

Keys are names of flags: at the top of the file for every command that has the flag, in a table such as `[scan]` for one
command. What a file cannot say, an option without an environment form, is said on the command line each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from azremedy.cli.options import SETTINGS, meant
from azremedy.cli.output import note
from azremedy.errors import AzremedyError

NAME = "azremedy.toml"


class File(NamedTuple):
    """A file of settings as it stands, and whether it is a project's."""

    path: Path
    held: Mapping[str, Any]
    project: bool

    def of(self, command: str) -> dict[str, Any]:
        """Return the keys that hold for a command: those at the top, and over them those of its table."""
        top = {key: value for key, value in self.held.items() if not isinstance(value, Mapping)}
        return {**top, **self.held.get(command, {})}


class Settings:
    """What files set for a command; read at the first look, so who asks for help reads none."""

    def __init__(self, root: click.Group, command: str, named: Path | None) -> None:
        self.root, self.command, self.named = root, command, named
        self.told = False

    @cached_property
    def files(self) -> tuple[File, ...]:
        return tuple(found(self.named))

    @cached_property
    def held(self) -> Mapping[click.Command, Mapping[str, Any]]:
        return merged(self.root, self.command, self.files) if self.files else {}

    def of(self, command: click.Command) -> Mapping[str, Any]:
        """Return what is set for a command, by the names of its parameters. Raises `AzremedyError`."""
        return self.held.get(command, {})

    def tell(self) -> None:
        """Say on stderr, once, which files were read."""
        for file in () if self.told else self.files:
            note(f"azremedy: settings from {file.path}")
        self.told = True


def settle(ctx: click.Context, named: Path | None) -> None:
    """Let the command that is invoked take from files what neither a flag nor the environment says."""
    if isinstance(ctx.command, click.Group) and ctx.invoked_subcommand:
        ctx.meta[SETTINGS] = Settings(ctx.command, ctx.invoked_subcommand, named)


def found(named: Path | None) -> Iterator[File]:
    """Yield the user's file, then the project's, which is the one named or the nearest one."""
    import platformdirs  # noqa: PLC0415 - only a command that runs looks for files

    user = platformdirs.user_config_path("azremedy") / NAME
    if exists(user):
        yield File(user, parsed(user), project=False)
    project = named or nearest(Path.cwd(), Path.home())
    if project and project.resolve() != user.resolve():
        yield File(project, parsed(project), project=True)


def nearest(start: Path, home: Path) -> Path | None:
    """
    Return the project file that holds in a folder, if there is one.

    It is looked for from the folder upward, to the first folder with a `.git` or to the home folder. Outside of both
    only the folder itself counts: what lies above it may be anybody's.
    """
    folders = (start, *start.parents)
    ends = (at for at, folder in enumerate(folders) if folder == home or exists(folder / ".git"))
    files = (folder / NAME for folder in folders[: next(ends, 0) + 1])
    return next(filter(exists, files), None)


def exists(path: Path) -> bool:
    """Whether there is something of this name, also where it is a folder or a link that leads nowhere."""
    with suppress(OSError):
        return os.path.lexists(path)
    return False


def parsed(path: Path) -> dict[str, Any]:
    """Return what a file holds. Raises `AzremedyError` where it cannot be read."""
    import tomllib  # noqa: PLC0415 - only a file that is there needs it

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AzremedyError(f"{path} is no TOML: it is not UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise AzremedyError(f"{path} is no TOML: {error}.") from error


def merged(
    root: click.Group, command: str, files: Sequence[File]
) -> Mapping[click.Command, Mapping[str, Any]]:
    """Return what the files set for a command and those in it, the project's over the user's. Raises `AzremedyError`."""
    context = click.Context(root, info_name=root.name)
    commands = {name: one for name in root.list_commands(context) if (one := root.get_command(context, name))}
    for file in files:
        check_names(file, commands)
    for name, other in commands.items():
        if name != command:
            check_table(other, name, files)
    of = commands[command]
    return {one: settings(one, command, files) for one in (of, *inner_commands(of))}


def check_table(command: click.Command, table: str, files: Sequence[File]) -> None:
    """Raise `AzremedyError` for what the table of a command that does not run now says and may not say."""
    keys = {key for file in files for key in file.held.get(table, ())}
    alone = [
        file._replace(held={table: file.held.get(table, {})}) if file.project else file for file in files
    ]
    for one in (command, *inner_commands(command)):
        settings(one, table, alone, keys)


def settings(
    command: click.Command, table: str, files: Sequence[File], keys: Container[str] | None = None
) -> dict[str, Any]:
    """Return what the files set for a command at their top and in a table, by the names of its parameters."""
    context = click.Context(command, info_name=command.name)
    values: dict[str, Any] = {}
    for key, option in options(command).items():
        if keys is not None and key not in keys:
            continue
        held = option.type_cast_value(context, default(context, option))
        for file in files:
            written = file.of(table)
            if key not in written or not option.envvar:
                continue
            given = accepted(file, key, option, written[key], context)
            if file.project:
                from azremedy.cli.project import check  # noqa: PLC0415 - only a project's file is held to it

                check(file.path, table, key, given, held)
            held, values[option.name or key] = given, written[key]
    return values


def check_names(file: File, commands: Mapping[str, click.Command]) -> None:
    """Raise `AzremedyError` for a key that is no option, a table that is no command, and one taken for the other."""
    every = {name: everything(command) for name, command in commands.items()}
    at_the_top: dict[str, click.Option] = {}
    for own in every.values():
        for key, option in own.items():
            if key not in at_the_top or option.envvar:
                at_the_top[key] = option
    for key, value in file.held.items():
        if not isinstance(value, Mapping):
            check_key(file, key, at_the_top, f"there is no option {key!r}")
            check_never(file, key)
        elif key not in commands:
            hint = meant(key, commands)
            raise AzremedyError(f"{file.path}: there is no command {key!r} for the table [{key}].{hint}")
        else:
            for inner in value:
                check_key(file, inner, every[key], f"'azremedy {key}' has no option {inner!r}")


def check_key(file: File, key: str, known: Mapping[str, click.Option], missing: str) -> None:
    if key not in known:
        hint = meant(key, (name for name, option in known.items() if option.envvar))
        raise AzremedyError(f"{file.path}: {missing}.{hint}")
    if not known[key].envvar:
        raise AzremedyError(f"{file.path}: --{key} has no place in a file: it is given on the command line.")


def check_never(file: File, key: str) -> None:
    """Raise `AzremedyError` for what a project file cannot say for any command, whichever runs now."""
    if file.project:
        from azremedy.cli.project import refuse  # noqa: PLC0415 - only a project's file is held to it

        refuse(file.path, key)


def options(command: click.Command) -> dict[str, click.Option]:
    """Return the options of a command by their keys: the flags without dashes before them."""
    return {key_of(one): one for one in command.params if isinstance(one, click.Option)}


def everything(command: click.Command) -> dict[str, click.Option]:
    """Return the options of a command and of the commands in it."""
    every = (*inner_commands(command), command)
    return {key: option for one in every for key, option in options(one).items()}


def inner_commands(command: click.Command) -> tuple[click.Command, ...]:
    return tuple(command.commands.values()) if isinstance(command, click.Group) else ()


def key_of(option: click.Option) -> str:
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


def accepted(file: File, key: str, option: click.Option, value: Any, context: click.Context) -> Any:
    """Return what a value in a file means. Raises `AzremedyError` for one of the wrong type, or that means nothing."""
    kind, fits = kind_of(option)
    if not fits(value):
        raise AzremedyError(f"{file.path}: {key} is {kind}, and not {value!r}.")
    try:
        return option.type_cast_value(context, value)
    except click.UsageError as error:
        raise AzremedyError(f"{file.path}: {key}: {' '.join(error.message.split())}") from error


def kind_of(option: click.Option) -> tuple[str, Callable[[Any], bool]]:
    """Return what an option's value is in TOML, in words and as a test."""
    if option.multiple:
        return "a list of texts, such as ['one', 'two']", texts
    if option.is_flag:
        return "true or false", lambda value: isinstance(value, bool)
    if isinstance(option.type, click.types.IntParamType):
        return "a whole number", partial(number, kinds=(int,))
    if isinstance(option.type, click.types.FloatParamType):
        return "a number", partial(number, kinds=(int, float))
    return "a text in quotes", lambda value: isinstance(value, str)


def texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def default(context: click.Context, option: click.Option) -> Any:
    """Return an option's own default; None where it has none, for which click has a mark of its own."""
    value = option.get_default(context)
    return value if isinstance(value, bool | int | float | str | list | tuple) else None
