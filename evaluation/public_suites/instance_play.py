"""Unit of work of a run over a suite: policies that play one public instance.

:mod:`evaluation.public_suites.suites` rates the results.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from agents.policy import Policy, play
from agents.rules.registry import make_rule
from agents.rules.static_instances import STATIC, with_instance_means
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from evaluation.runner.contenders import Contender
from evaluation.runner.failures import format_failure
from evaluation.runner.policies import open_policy
from factory.instances.read import Instance
from factory.jit.compile import source_hash
from factory.schedule.records import unload
from factory.verification.verifier import Verifier
from factory.work_units.units import JsonObject, digest


@dataclass(frozen=True)
class InstancePlay:
    """Settled contenders on one instance: all its rules, or one other policy."""

    suite: str
    instance: Instance
    contenders: tuple[Contender, ...]
    call_timeout: float

    @property
    def name(self) -> str:
        names = ", ".join(contender.name for contender in self.contenders)
        return f"{self.suite}: {self.instance.name}, {names}"

    @cached_property
    def key(self) -> str:
        problem = (
            self.instance.factory.model_dump(mode="json"),
            self.instance.book.model_dump(mode="json"),
        )
        identities = [(contender.name, contender.identity()) for contender in self.contenders]
        return digest("instance", _sources(), self.suite, problem, identities)

    @property
    def size(self) -> int:
        return len(self.contenders)

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """Return in the field ``played``, by name, the cost in ticks and the completion dates.

        A contender that failed has the reason there, and the field ``failed`` has it too.
        """
        factory, book = self.instance.factory, self.instance.book
        batch = Batch(
            [factory],
            [book],
            num_envs=1,
            job_rows=0,
            changeover_rows=0,
            dtype=np.float64,
            log_length=1,
        )
        verifier = Verifier(factory, book)
        played = {
            contender.name: self._play(contender, batch, verifier) for contender in self.contenders
        }
        failed = next((entry["failed"] for entry in played.values() if "failed" in entry), None)
        return {"played": played} if failed is None else {"played": played, "failed": failed}

    def _play(self, contender: Contender, batch: Batch, verifier: Verifier) -> JsonObject:
        factory, book = self.instance.factory, self.instance.book
        try:
            with open_policy(contender, factory, 0, self.call_timeout) as policy:
                play(batch, self._as_published(contender, policy), episode_seeds("test", 1))
            schedule = unload(factory, book, batch.arrays, batch.shop, 0)
            cost = verifier.verify(schedule).total
        except Exception as error:
            return {"failed": format_failure(error, "test", (0, 0))}
        by_job = sorted(schedule.orders, key=lambda order: int(order.order_id))
        return {"cost": cost, "completions": [order.completion_date for order in by_job]}

    def _as_published(self, contender: Contender, policy: Policy) -> Policy:
        if self.suite != "wtsds" or contender.kind != "rule" or contender.base not in STATIC:
            return policy
        rule = make_rule(contender.base, **contender.parameters)  # type: ignore[arg-type]
        return with_instance_means(rule, self.instance.factory, self.instance.book)


@cache
def _sources() -> str:
    """Return a hash of all sources that a schedule depends on."""
    return source_hash(Path(__file__).resolve())
