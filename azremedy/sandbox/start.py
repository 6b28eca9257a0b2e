"""Ways to a running sandbox: embedded in a process, or in the foreground until it is told to stop."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Mapping
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import platformdirs

from azremedy.errors import AzremedyError
from azremedy.sandbox import hierarchy, reading, seed
from azremedy.sandbox.identity import Entra, Principal
from azremedy.sandbox.server import Sandbox
from azremedy.sandbox.store import FILE, LOCK, Store, alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from azremedy.sandbox.throttle import Throttle

One: TypeAlias = "str | Path | Mapping[str, Any]"
Described: TypeAlias = "One | Sequence[One]"
"""An estate by its name, its file or its description, or several, each a subscription of its own."""

FORM = 2
"""How a state is laid out; a state of another form is seeded anew."""

FILES = (FILE, f"{FILE}-journal", f"{FILE}-wal", f"{FILE}-shm", "ca.pem", "ca.key")


def default_state() -> Path:
    """Return the folder where a sandbox keeps its state unless it is told another one."""
    return platformdirs.user_state_path("azremedy") / "sandbox"


def embedded(
    state: Path | None = None,
    *,
    estate: Described | None = None,
    port: int = 0,
    throttle: Throttle | None = None,
    page_size: int | None = None,
    speed: float = 1.0,
) -> Sandbox:
    """
    Return a sandbox that runs while its `with` block does.

    `state` is the folder of its state (the user's own by default). A fresh one is seeded with `estate`: a shipped
    one by name, a YAML file, or a description (several of them: a subscription each); the demo by default. A state that nobody wrote into is seeded anew
    when another estate is asked for. `throttle` is none by default; `page_size` replaces Azure's. The sandbox's clock
    runs `speed` times as fast as the real one, and with it all that takes time.

    One sandbox at a time runs on a state. It goes on by its clock while none does: operations and jobs end.
    """
    if not 0 < speed < float("inf"):
        raise AzremedyError(f"The clock of a sandbox cannot run at speed {speed}: give a number above 0.")
    folder = state or default_state()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = Store(folder, speed)
    except (OSError, sqlite3.Error) as error:
        raise AzremedyError(f"The sandbox cannot keep its state in {folder}: {error}.") from error
    try:
        seeded(store, folder, estate)
        entra = Entra.of(msgspec.convert(store.about["principals"], list[Principal]))
        return Sandbox(folder, store, entra, port=port, throttle=throttle, page_size=page_size)
    except BaseException:
        store.close()
        raise


def seeded(store: Store, folder: Path, estate: Described | None) -> None:
    """
    See to it that a state holds the estate that was asked for, and never that work done in it is lost.

    A shipped estate that nobody worked in is seeded anew where a newer azremedy ships another one of its name.
    """
    about = store.about
    if about and about.get("form") != FORM:
        if about.get("written"):
            raise AzremedyError(
                f"The sandbox in {folder} was made by another version of azremedy: "
                "run 'azremedy sandbox reset' first, or choose another folder."
            )
        about = {}
    if about and estate is None and (about["written"] or not about["shipped"]):
        return
    asked = estate or (about["shipped"] if about else "demo")
    many = [asked] if isinstance(asked, str | Path | Mapping) else asked
    named = [reading.named(one) for one in many]
    wholes = [reading.checked(content, where) for where, content in named]
    mark = sha256(msgspec.json.encode(wholes)).hexdigest()
    if about and about["mark"] == mark:
        return
    if about and about["written"]:
        raise AzremedyError(
            f"The sandbox in {folder} holds another estate, in which work was done: "
            "run 'azremedy sandbox reset' first, or choose another folder."
        )
    ids = [whole.subscription.id for whole in wholes]
    if twice := next((one for one in ids if ids.count(one) > 1), None):
        raise AzremedyError(f"Two estates describe the subscription {twice}: give each an id of its own.")
    made = [
        (whole, where, seed.resources(whole, where)) for whole, (where, _) in zip(wholes, named, strict=True)
    ]
    store.seed(
        chain(
            hierarchy.resources(wholes).items(),
            (resource for _, _, resources in made for resource in resources.items()),
        ),
        {
            "faults": [fault for whole in wholes for fault in msgspec.to_builtins(whole.faults)],
            "lock_lag": msgspec.to_builtins(wholes[0].lock_lag),
            "principals": [
                seed.owner(wholes),
                *(who for whole, where, _ in made for who in seed.principals(whole, where)),
            ],
            "regions": {whole.location: whole.region for whole in wholes},
            "form": FORM,
            "mark": mark,
            "shipped": asked if isinstance(asked, str) and reading.is_shipped(asked) else None,
        },
        (note for whole, where, resources in made for note in seed.notes(whole, where, resources)),
    )


def serve(
    state: Path | None = None,
    *,
    estate: Described | None = None,
    port: int = 0,
    throttle: Throttle | None = None,
    speed: float = 1.0,
    listening: Callable[[Sandbox], None] | None = None,
) -> None:
    """
    Serve in the foreground until SIGINT or SIGTERM; `listening` is called once it does.

    To be called from the main thread. The other parameters are those of `embedded`.
    """
    stop = threading.Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with embedded(state, estate=estate, port=port, throttle=throttle, speed=speed) as sandbox:
            if listening:
                listening(sandbox)
            while not stop.wait(0.5):  # a wait without end would not see a signal on Windows
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def reset(state: Path | None = None) -> None:
    """Delete a sandbox's state with its certificate authority; nothing else that lies in the folder."""
    folder = state or default_state()
    if not folder.is_dir():
        return
    with alone(folder):
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    (folder / LOCK).unlink(missing_ok=True)
