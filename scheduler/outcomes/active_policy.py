"""The policy that decides: loaded, reloaded, watched, and put aside after an alarm."""

from __future__ import annotations

import datetime
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from factory.model import Factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import BUDGET_SECONDS, Decider
from scheduler.decisions.loaded_policy import (
    UNSIGNED,
    BundleAdmission,
    LoadedPolicy,
    load_scheduler_policy,
    reload_scheduler_policy,
)
from scheduler.floor.floor import ShopFloor
from scheduler.outcomes.policy_monitor import MonitorSettings, PolicyMonitor
from scheduler.outcomes.policy_watch import PolicyWatch
from scheduler.outcomes.schema import OnDrift, OutcomeState
from scheduler.plans.work_limit import PLAN_SECONDS


class RefusedBundle(NamedTuple):
    """Newest bundle that was refused."""

    reason: str
    date: str  # UTC, ISO 8601


class ActivePolicy:
    """Policy that decides in one factory, or the rule in its place.

    Parameters
    ----------
    factory
        The factory.
    folder
        Folder of the bundle; None: the rule decides.
    admission
        Conditions under which a bundle may decide.
    monitoring
        Comparison of the policy with the rule beside the decisions; None: none.
    on_drift
        After an alarm of that comparison, let the rule decide, or only report it.
    hidden
        Folders that answers must not show, besides that of the bundle.
    budget, plan_seconds
        Time limits of a decision, and of a simulation of the comparison.
    clock
        Clock that times are measured with, in seconds from any moment on.
    """

    def __init__(
        self,
        factory: Factory,
        folder: Path | None,
        admission: BundleAdmission = UNSIGNED,
        *,
        monitoring: MonitorSettings | None = None,
        on_drift: OnDrift = "warn",
        hidden: tuple[Path, ...] = (),
        budget: float = BUDGET_SECONDS,
        plan_seconds: float = PLAN_SECONDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.factory, self.folder, self.admission = factory, folder, admission
        self.on_drift, self.alarm_listener = on_drift, _ignore_alarm
        self._hidden = hidden
        self._changing = threading.Lock()
        self._put_aside: Bundle | None = None  # after an alarm
        self.refused: RefusedBundle | None = None
        self.loaded = self._without_folders(load_scheduler_policy(folder, factory, admission))
        if folder is not None and self.loaded.bundle is None:
            self._note_refusal(str(self.loaded.fault))

        def make_monitor() -> PolicyMonitor | None:
            if monitoring is None or self.loaded.bundle is None:
                return None
            decider = Decider(ShopFloor(factory), None, self.loaded.rule, budget, clock=clock)
            self.loaded.use_in(decider)
            return PolicyMonitor(decider, monitoring, plan_seconds)

        self.watch = PolicyWatch(make_monitor, self._take_alarm, clock)

    def reload(self) -> LoadedPolicy:
        """Read the bundle folder again; work in progress ends with the old policy.

        Raises
        ------
        BundleError
            If the bundle fails verification; the old policy then stays active.
        """
        with self._changing:
            if self.folder is None:
                raise BundleError(
                    "reload: the service was started without a bundle. Start it with --bundle DIR."
                )
            try:
                loaded = reload_scheduler_policy(self.folder, self.factory, self.admission)
            except BundleError as error:
                self._note_refusal(str(error))
                raise
            self.loaded, self.refused = self._without_folders(loaded), None
            self._put_aside = None
            self.watch.restart()
            return self.loaded

    def outcome_state(self) -> OutcomeState:
        """Return the comparison of policy and rule so far."""
        state = self.watch.state
        update = {
            "put_aside": self._put_aside is not None,
            "on_drift": self.on_drift,
            "fault": state.fault and self.hide_folders(state.fault),
        }
        return state.model_copy(update=update)

    def hide_folders(self, text: str) -> str:
        """Return a text that names the files of bundle and log without their folders."""
        own = [path for path in (self.folder, *self._hidden) if path is not None]
        folders = {str(form) for path in own for form in (path, path.resolve())} - {".", os.sep}
        for folder in sorted(folders, key=len, reverse=True):
            text = text.replace(f"{folder}{os.sep}", "").replace(folder, Path(folder).name)
        return text

    def _without_folders(self, loaded: LoadedPolicy) -> LoadedPolicy:
        return replace(loaded, fault=loaded.fault and self.hide_folders(loaded.fault))

    def _take_alarm(self, reason: str | None, bundle: Bundle) -> None:
        """Report an alarm, and let the rule decide if told to; only a reload ends that.

        An alarm about a policy that was replaced meanwhile counts for nothing.
        """
        with self._changing:
            if bundle not in (self.loaded.bundle, self._put_aside):
                return
            if reason is not None and self.on_drift == "rule" and self._put_aside is None:
                self._put_aside = bundle
                fault = f"the policy was put aside: {reason}"
                self.loaded = LoadedPolicy(None, self.loaded.rule, fault)
        self.alarm_listener(reason)

    def _note_refusal(self, reason: str) -> None:
        self.refused = RefusedBundle(self.hide_folders(reason), utc_now())


def utc_now() -> str:
    """Return the date, UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _ignore_alarm(reason: str | None) -> None:
    """Do nothing about an alarm."""
