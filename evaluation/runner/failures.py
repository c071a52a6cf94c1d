"""Reasons why a policy fails."""

from __future__ import annotations

from agents.policy import EpisodeUnfinishedError
from evaluation.runner.errors import ForesightError, NoAnswerError, SandboxError
from factory.simulation_errors import IllegalActionError
from factory.verification.violations import VerificationError
from factory.work_units.units import JsonObject

FAILURES = {
    IllegalActionError: "illegal action",
    VerificationError: "rejected by the verifier",
    ForesightError: "foresight",
    NoAnswerError: "did not answer",
    EpisodeUnfinishedError: "did not finish",
}
"""Reason by class of error; any other error is a crash."""


def format_failure(error: Exception, block: str, episodes: tuple[int, int]) -> JsonObject:
    """Return a :class:`evaluation.reporting.results.Failure` as plain JSON.

    Parameters
    ----------
    error
        Error that ended the episodes.
    block, episodes
        Seed block, and first and last episode that were being played.
    """
    reason, message = "crashed", f"{type(error).__name__}: {error}"
    for kind, known_reason in FAILURES.items():
        if isinstance(error, kind):
            reason, message = known_reason, str(error)
    failure = {"reason": reason, "message": message, "block": block, "episodes": list(episodes)}
    if isinstance(error, SandboxError):
        failure |= {"message": str(error), "trace": error.trace}
    if printed := getattr(error, "printed", ""):
        failure["printed"] = printed
    return failure
