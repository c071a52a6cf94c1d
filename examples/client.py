"""A minimal MES: a simulated plant that requests every decision of an episode from the service.

Run ``python -m scheduler serve --bundle bundle`` first, then ``python examples/client.py``. The
requests need only the standard library; the simulated plant takes the place of a real one. The
token is that in ``CHANGEOVER_TOKEN``, or the one of the role ``decide`` in ``decisions.tokens``,
which the service has made beside its log.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from factory.io.catalogue import find_single_factory
from scheduler.decisions.decision import Decision
from scheduler.simulated_plant import SimulatedPlant


def find_token() -> str:
    """Return the token to decide with; '' if there is none."""
    file, token = Path("decisions.tokens"), os.environ.get("CHANGEOVER_TOKEN", "")
    if token or not file.exists():
        return token
    lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    return next((line[1] for line in lines if line[:1] == ["decide"]), "")


def decide(address: str, snapshot: object, patience: float | None = 30) -> list[Decision]:
    """Return the decisions for all free machines.

    Parameters
    ----------
    address
        Address of the service.
    snapshot
        State of the plant.
    patience
        Time limit of a request in seconds; None for none.
    """
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {find_token()}",
    }
    body = json.dumps({"snapshot": snapshot}).encode()
    request = urllib.request.Request(f"{address}/v1/decide", body, headers)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                decisions = json.load(answer)["decisions"]
                return [Decision.model_validate(decision) for decision in decisions]
        except urllib.error.HTTPError as refusal:
            # A service that is starting or busy names the seconds after which to try again.
            seconds = refusal.headers["Retry-After"]
            if seconds is None:
                raise SystemExit(refusal.read().decode()) from None
            time.sleep(int(seconds))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "reason", error)
            raise SystemExit(
                f"{address}: the scheduler service does not answer ({reason}). Start it there:"
                " python -m scheduler serve --bundle bundle"
            ) from None


def run(address: str, seed: int = 77, patience: float | None = 30) -> SimulatedPlant:
    """Play an episode whose decisions come from the service."""
    plant = SimulatedPlant(find_single_factory("microfactory"), seed)
    while not plant.over:
        snapshot = plant.snapshot().model_dump(exclude_defaults=True)
        for decision in decide(address, snapshot, patience):
            plant.carry_out(decision.machine, decision.choice)
    return plant


def main(address: str) -> None:
    """Play an episode and print a summary."""
    schedule = run(address).schedule()
    late = sum((order.completion_date or 0) > order.due_date for order in schedule.orders)
    print(
        f"{len(schedule.orders)} orders done at date {schedule.end_date}, {late} late,"
        f" {len(schedule.changeovers)} changeovers"
    )


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    if not address.startswith(("http://", "https://")):
        print(
            f"client.py: {address!r} must begin with http:// or https://. Add it.", file=sys.stderr
        )
        sys.exit(2)
    main(address)
