"""What is asked of every subscription of a run, as data: it means the same on this machine and on any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from azremedy.collect import Progress, Swept
from azremedy.estate import Estate
from azremedy.playbook import Playbook, judging
from azremedy.resources import Subscription
from azremedy.scan import Scan, evaluate
from azremedy.selection import EVERYTHING, Selection
from azremedy.session import WEEK, Session
from azremedy.suppression import Suppression

if TYPE_CHECKING:
    from azremedy.asking import Inside


@dataclass(frozen=True, slots=True)
class Question:
    """Which causes are looked for, in which VMs, how closely, and what is accepted (see `Session.examine`)."""

    playbooks: tuple[Playbook[Any], ...] | None = None
    """None where nobody names a cause."""
    lookback: timedelta = WEEK
    deep: bool = False
    selection: Selection = EVERYTHING
    suppressions: tuple[Suppression, ...] = ()
    whole: bool = False

    def ask(
        self,
        session: Session,
        subscription: Subscription,
        *,
        progress: Progress | None = None,
        sized: Callable[[int], object] = lambda _: None,
        inside: Inside | None = None,
        swept: Swept | None = None,
    ) -> tuple[Estate, Scan]:
        """Read one subscription and judge it. Raises `Incomplete` where it cannot be read at all."""
        return session.examine(
            subscription,
            playbooks=self.playbooks,
            lookback=self.lookback,
            deep=self.deep,
            selection=self.selection,
            suppressions=self.suppressions,
            whole=self.whole,
            progress=progress,
            sized=sized,
            inside=inside,
            swept=swept,
        )

    def judge(self, estate: Estate) -> Scan:
        """Judge what was read before."""
        return evaluate(
            estate,
            judging(estate.reads) if self.playbooks is None else self.playbooks,
            selection=self.selection,
            suppressions=self.suppressions,
            whole=self.playbooks is None,
        )
