"""An MES in thirty lines: a simulated plant that asks the service for every decision of an episode.

Run ``python -m scheduler serve --bundle bundle`` first, then ``python examples/client.py``. Needs
nothing but the standard library to ask: the simulated plant stands for yours.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

from factory.io.catalogue import find_single_factory
from scheduler.decisions.decider import Decision
from scheduler.simulated_plant import SimulatedPlant


def decide(address: str, snapshot: object, patience: float | None = 30) -> list[Decision]:
    """What every free machine is to do now; patience in seconds, None: as long as it takes."""
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {os.environ.get('CHANGEOVER_TOKEN', '')}",
    }
    request = urllib.request.Request(
        f"{address}/v1/decide", json.dumps({"snapshot": snapshot}).encode(), headers
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                return [Decision.model_validate(one) for one in json.load(answer)["decisions"]]
        except urllib.error.HTTPError as refusal:
            if (
                seconds := refusal.headers["Retry-After"]
            ) is None:  # there is one while the service is starting, or busy
                raise SystemExit(refusal.read().decode()) from None
            time.sleep(int(seconds))
        except urllib.error.URLError as failure:
            raise SystemExit(
                f"{address}: nobody answers ({failure.reason}). Start the service there: python -m"
                " scheduler serve --bundle bundle"
            ) from None


def run(address: str, seed: int = 77, patience: float | None = 30) -> SimulatedPlant:
    """A whole episode."""
    plant = SimulatedPlant(find_single_factory("microfactory"), seed)
    while not plant.over:
        snapshot = plant.snapshot().model_dump(exclude_defaults=True)
        for decision in decide(address, snapshot, patience):
            plant.carry_out(decision.machine, decision.choice)
    return plant


if __name__ == "__main__":
    done = run(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080").schedule()
    late = sum((order.completion_date or 0) > order.due_date for order in done.orders)
    print(
        f"{len(done.orders)} orders done at date {done.end_date}, {late} late,"
        f" {len(done.changeovers)} changeovers"
    )
