"""`azremedy fix`: show what would be written, and with `--apply` write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azremedy.cli.disks import excluded, named, unfitting
from azremedy.cli.fix_flags import Flags, refuse_contradictions, waves
from azremedy.cli.naming import lying
from azremedy.cli.options import color, debugging, option, output, seconds, span, target
from azremedy.cli.output import colored, complain, note, put, save, width
from azremedy.cli.reports import save_reports
from azremedy.cli.scan import scan
from azremedy.cli.verbosity import refuse_windows, unchanged, verbosity
from azremedy.errors import Exit
from azremedy.plan import Choices, FixClass
from azremedy.planfile import Asked, Place
from azremedy.playbook import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from azremedy.cli.looking import Look

OUTPUTS = ("table", "json", "yaml", "none")
SELECTING = (
    "subscription", "cloud", "tenant", "resource_group", "vm", "playbook", "deep", "lookback", "deadline",
    "allow_partial", "report", "mask", "quiet", "guest",
)  # fmt: skip
"""The options of `scan` that say what to look at, and what to write of it."""


@click.command(params=[one for one in scan.params if one.name in SELECTING])
@option("--apply", is_flag=True, environment=False, help="Write. Without it nothing is changed in Azure.")
@option("--dry-run", is_flag=True, help="Only show what would be written, as without --apply.")
@option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --apply: do what --save kept, no more.",
)
@option("--save", type=target, metavar="FILE", help="Keep the plan, to be applied within 24 hours.")
@option(
    "--allow",
    type=click.Choice((FixClass.GUARDED.value, FixClass.DESTRUCTIVE.value)),
    multiple=True,
    environment=False,
    help="Admit writes of this class beside safe ones; may be repeated.",
)
@option(
    "--severity",
    type=click.Choice((str(Severity.CORROBORATED), str(Severity.SUSPECTED))),
    default=str(Severity.CORROBORATED),
    show_default=True,
    environment=False,
    help="Cure findings of this severity or above.",
)
@option("--max-changes", type=click.IntRange(0), help="Refuse a plan of more writes than this.")
@option(
    "--stop-after",
    type=click.IntRange(1),
    help="Start nothing more after this many groups went wrong.  [default: 1 with --wave]",
)
@option(
    "--wave",
    type=waves,
    metavar="AMOUNTS",
    help="Cure so many VMs, then more, as in 1,5%,100%; what goes wrong in one wave keeps the next from beginning.",
)
@option(
    "--max-unlocked",
    type=span,
    default="4h",
    show_default=True,
    help="Put lifted locks back after this time.",
)
@option(
    "--bracket-size",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="VMs that one unlocking serves.",
)
@option(
    "--settle",
    type=span,
    default="3m",
    show_default=True,
    help="Time between two looks before a VM is restarted.",
)
@option(
    "--now",
    is_flag=True,
    environment=False,
    help="Change VMs, or ask inside them, although their backup is due; never while one runs.",
)
@option(
    "--keep-unlocked", is_flag=True, environment=False, help="Leave locks on restore points off, on purpose."
)
@option(
    "--lift-subscription-locks",
    is_flag=True,
    environment=False,
    help="Lift locks of the whole subscription, too.",
)
@option(
    "--redesign-locks",
    is_flag=True,
    environment=False,
    help="Move locks from restore points to the VMs, with their disks and NICs, for good.",
)
@option(
    "--delete-collection",
    multiple=True,
    metavar="VM",
    environment=False,
    help="Delete this VM's whole restore point collection; may be repeated. Needs --allow destructive.",
)
@option(
    "--exclude-lun",
    type=excluded,
    multiple=True,
    metavar="VM:LUN=REASON",
    environment=False,
    help="Leave this disk out of backups; may be repeated.",
)
@option(
    "--attach-disks",
    type=named,
    multiple=True,
    metavar="VM:LUN",
    environment=False,
    help="Attach new smaller disks beside this one, to copy its data to by hand; may be repeated.",
)
@option(
    "--detach-disk",
    type=named,
    multiple=True,
    metavar="VM:LUN",
    environment=False,
    help="Detach this disk once --guest proves its copy; may be repeated. Needs --allow destructive.",
)
@option(
    "--power",
    type=click.Choice(("on", "off")),
    environment=False,
    help="Start, or deallocate, VMs that were shut down from inside.",
)
@option(
    "--resume-protection",
    multiple=True,
    metavar="VM",
    environment=False,
    help="Resume this VM's backups; may be repeated.",
)
@option(
    "--vss-copy",
    multiple=True,
    metavar="VM",
    environment=False,
    help="Set USEVSSCOPYBACKUP to TRUE in this VM with SQL Server; may be repeated. Needs --guest.",
)
@option(
    "--verbose-agent-log",
    type=verbosity,
    multiple=True,
    metavar="VM=on|off",
    environment=False,
    help="Have this Linux VM's agent log more, or no more, and restart it; may be repeated. Needs --guest.",
)
@option("--prove", is_flag=True, help="Back each cured VM up afterwards, and follow the job to its end.")
@option(
    "--yes",
    is_flag=True,
    environment=False,
    help="Do not ask; needed without a terminal, never enough to destroy.",
)
@option(
    "--confirm",
    multiple=True,
    metavar="VM",
    environment=False,
    help="Confirm what is destroyed of this VM, where there is no terminal to type its name; may be repeated.",
)
@option("--journal", type=target, metavar="PATH", help="Keep the run's journal here; needed where CI is set.")
@option(
    "--parallel",
    type=click.IntRange(1, 16),
    default=4,
    show_default=True,
    help="Groups that are written at once.",
)
@option("--as", "form", type=click.Choice(("az",)), help="Print the plan as commands of az.")
@output(outputs=OUTPUTS)
@color()
@debugging()
@click.pass_context
def fix(ctx: click.Context, /, **given: Any) -> Exit:
    """
    Show what would cure the causes found, write by write, and with --apply do it.

    Each write is shown with what it changes, its way back, the rights it needs, how long a scope is unlocked and what
    is lost; '--report html=FILE' makes a page of findings with what cures them. With --apply each is preceded by a fresh read and followed until its effect is seen, everything is noted
    in a journal, lifted locks go back whatever happens, and in the end it is looked again.

    What destroys something is confirmed by typing the VM's name. Without a terminal, --yes is not enough for it: each
    such VM is named on the command line as well, with --confirm or --delete-collection.
    """
    flags = Flags(**given, debug=ctx.obj["debug"])
    refuse_contradictions(ctx, flags)
    if flags.apply:
        from azremedy.cli.applying import applied  # noqa: PLC0415 - who only looks loads nothing that writes

        return applied(flags)
    return shown(flags)


def shown(flags: Flags) -> Exit:
    """Read, plan, and show the plan: there is nothing here that could write."""
    from azremedy.cli.looking import look, one_subscription  # noqa: PLC0415 - the SDK is loaded when something is read
    from azremedy.cli.progress import progress  # noqa: PLC0415 - as above
    from azremedy.session import connect  # noqa: PLC0415 - as above

    with (
        progress(quiet=flags.quiet or flags.debug) as show,
        connect(
            flags.cloud,
            tenant=flags.tenant,
            deadline=seconds(flags.deadline),
            log=log(flags),
            guests=flags.guest,
        ) as session,
    ):
        if flags.mask:
            flags.mask.asked(flags)
        subscription = one_subscription(session, flags.subscription)
        if flags.mask:
            flags.mask.about(subscription)
        seen = look(session, subscription, flags.asked, flags.choices, show, now=flags.now)
        asked, choices, where = flags.asked, flags.choices, lying(flags)
        place, created = Place(session.cloud, subscription), session.reader.now
        mask = flags.mask and flags.mask.of(seen.estate, seen.plan)
        there(asked, choices, seen)
        say_unfitting(seen, asked, choices)
    if flags.mask and mask:
        seen, place = flags.mask.look(seen, mask), mask.masked(place)
        asked, choices, where = mask.masked(asked), mask.masked(choices), mask.masked(where)
    document = plain(seen, place, asked, choices, created, where=where)
    if flags.save:
        from azremedy import planfile  # noqa: PLC0415 - as above

        save(flags.save, planfile.dump(document), private=True)
        if not flags.quiet:
            note(
                f"azremedy: the plan is kept in {flags.save}; carry it out with: azremedy fix --apply --plan {flags.save}"
            )
    if flags.report:
        from azremedy.report import document as scans  # noqa: PLC0415 - as above

        save_reports(flags.report, {**scans.document([seen.scan]), "plan": document})
    present(flags, seen, document, created, choices, where=where)
    return incomplete(flags, seen)


def log(flags: Flags) -> Any:
    return note if flags.debug else None


def there(asked: Asked, choices: Choices, seen: Look) -> None:
    """Raise `AzremedyError` for a VM or group that is named and not there, also where its cure is asked for by name."""
    from azremedy.cli.seen import Seen  # noqa: PLC0415 - as above

    vms = Seen()
    vms.add(seen.estate)
    vms.check(asked.vms, asked.groups)
    vms.check((*choices.vms, *(vm for vm, _ in sorted(choices.verbose_agent_log))), ())
    refuse_windows(choices, seen.estate)


def say_unfitting(seen: Look, asked: Asked, choices: Choices) -> None:
    """Say which names fit nothing: one that is mistyped must not pass for what is cured."""
    complain(*unfitting(choices, seen.scan, asked.severity), *unchanged(choices, seen.estate))


def plain(
    seen: Look, place: Place, asked: Asked, choices: Choices, created: datetime, *, where: Sequence[str]
) -> dict[str, Any]:
    """Return the plan's document; `where` are the words by which a command finds its cloud and tenant."""
    from azremedy import planfile  # noqa: PLC0415 - as above
    from azremedy.report import checklist  # noqa: PLC0415 - as above

    return planfile.document(
        seen.plan,
        place=place,
        asked=asked,
        choices=choices,
        created=created,
        unread=seen.estate.unread,
        checklists=checklist.data(seen.estate, seen.plan, where),
    )


def present(
    flags: Flags,
    seen: Look,
    document: dict[str, Any],
    created: datetime,
    choices: Choices,
    *,
    where: Sequence[str],
) -> None:
    """Write the plan to standard output, in the form that was asked for."""
    if flags.form == "az":
        from azremedy.report import az  # noqa: PLC0415 - as above

        put(az.text(seen.plan.groups, created))
    elif flags.output == "table":
        colors = colored(flags.color)
        put(table(seen, created, choices, where, color=colors), color=colors)
    else:
        from azremedy.report import render  # noqa: PLC0415 - as above

        put(render(flags.output, document))


def table(seen: Look, created: datetime, choices: Choices, where: Sequence[str], *, color: bool) -> str:
    from azremedy.report import checklist, plan  # noqa: PLC0415 - only tables need rich

    subscription = seen.estate.subscription
    context = plan.Context(subscription.name, created, choices.max_unlocked, seen.estate.unread)
    shown = plan.text(seen.plan, context, width=width(), color=color)
    return shown + checklist.text(seen.estate, seen.plan, where)


def incomplete(flags: Flags, seen: Look) -> Exit:
    """Return the exit code for what could not be read, and say so on stderr."""
    if not seen.estate.unread or flags.allow_partial:
        return Exit.CLEAN
    complain(f"incomplete: reads that failed: {len(seen.estate.unread)}; --allow-partial accepts that")
    return Exit.INCOMPLETE
