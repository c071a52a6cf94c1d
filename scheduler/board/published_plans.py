"""The published plan and the named scenarios, kept in one file."""

from __future__ import annotations

import threading
from pathlib import Path

from factory.model import Factory
from scheduler.board.board_file import BoardError, BoardFile
from scheduler.board.messages import (
    MAX_SCENARIOS,
    BoardContent,
    CurrentPlan,
    KeptScenario,
    PublishRequest,
    ScenarioList,
    ScenarioRequest,
)


class StalePlanError(BoardError):
    """A plan that would replace a newer one than its sender knows."""


class UnknownScenarioError(BoardError):
    """A scenario that is not kept."""


class PublishedPlans:
    """The plan that the plant follows, and named what-ifs; changes are on the disk at once.

    Parameters
    ----------
    factory
        Factory that the plans are for.
    path
        File of the board; it is created with the first change.

    Raises
    ------
    BoardError
        If the file cannot be read.
    """

    def __init__(self, factory: Factory, path: Path) -> None:
        self.factory, self._file = factory, BoardFile(path)
        self._changing = threading.Lock()

    @property
    def fault(self) -> str | None:
        """Return the reason why the file was put aside when it was opened, if it was."""
        return self._file.fault

    @property
    def _content(self) -> BoardContent:
        return self._file.content

    @property
    def current(self) -> CurrentPlan:
        """Return the published plan."""
        return self._content.current

    @property
    def scenarios(self) -> ScenarioList:
        """Return the named scenarios."""
        return self._content.scenarios

    def publish(self, request: PublishRequest, date: str) -> CurrentPlan:
        """Publish a plan.

        Parameters
        ----------
        date
            Date of publication.

        Raises
        ------
        BoardError
            If the plan is for another factory, or does not replace the published one.
        """
        self._check_plan(request)
        with self._changing:
            before = self._content.current
            if request.revision != before.revision:
                raise StalePlanError(
                    f"revision = {request.revision}; {before.published_by or 'nobody'} has"
                    f" published revision {before.revision}. Look at that plan, then publish again."
                )
            current = CurrentPlan(
                revision=before.revision + 1,
                plan=request.plan,
                locks=request.locks,
                published_by=request.published_by,
                published_date=date,
            )
            self._file.write(self._content.model_copy(update={"current": current}))
            return current

    def _check_plan(self, request: PublishRequest) -> None:
        plan, name = request.plan, self.factory.name
        machines = {m.name for centre in self.factory.work_centres for m in centre.machines}
        if plan.factory != name:
            raise BoardError(
                f"plan.factory = {plan.factory!r}; the service plans {name}."
                " Publish a plan of this service."
            )
        used = {operation.machine for operation in plan.operations}
        used |= {changeover.machine for changeover in plan.changeovers}
        used |= {lock.machine for lock in request.locks}
        if unknown := sorted(used - machines):
            raise BoardError(
                f"plan.operations: machine {unknown[0]!r} is none of {name}."
                " Publish a plan of this service."
            )

    def keep_scenario(self, name: str, request: ScenarioRequest, date: str) -> ScenarioList:
        """Keep changes under a name; those of the same name before are replaced.

        Raises
        ------
        BoardError
            If too many are kept.
        """
        with self._changing:
            kept = {scenario.name: scenario for scenario in self.scenarios.scenarios}
            kept[name] = KeptScenario(**dict(request), name=name, saved_date=date)
            if len(kept) > MAX_SCENARIOS:
                raise BoardError(
                    f"scenarios: {len(kept)} of them; at most {MAX_SCENARIOS} are kept."
                    " Remove some."
                )
            return self._keep_scenarios(kept)

    def remove_scenario(self, name: str) -> ScenarioList:
        """Remove a scenario.

        Raises
        ------
        UnknownScenarioError
            If there is none of that name.
        """
        with self._changing:
            kept = {scenario.name: scenario for scenario in self.scenarios.scenarios}
            if kept.pop(name, None) is None:
                raise UnknownScenarioError(
                    f"scenario {name!r} is not kept. Read /v1/plans/scenarios for the names."
                )
            return self._keep_scenarios(kept)

    def _keep_scenarios(self, kept: dict[str, KeptScenario]) -> ScenarioList:
        scenarios = ScenarioList(scenarios=tuple(kept[name] for name in sorted(kept)))
        self._file.write(self._content.model_copy(update={"scenarios": scenarios}))
        return scenarios
