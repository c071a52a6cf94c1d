"""Latency of decisions beside floods: large and wrong bodies, idle connections, wrong tokens.

``python -m benchmarks.service.floods --bundle DIR`` prints a row for each flood, and exits with 1
if a decision was refused meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.service.bad_snapshots import snapshot_with
from benchmarks.service.http_load import running_service
from scheduler.access.access_tokens import read_tokens

_PAUSE = 0.01
Flood = Callable[["Service", int], object]


class Service:
    """A running service, and the tokens of its roles."""

    def __init__(self, port: int, tokens: Path) -> None:
        self.port, self.tokens = port, dict[str, str](read_tokens(tokens))

    def send(self, method: str, path: str, body: bytes, role: str = "admin") -> int:
        """Send a request over a new connection, and return its status; 0: it was cut off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request(method, path, body, self.headers(role))
            response = connection.getresponse()
            response.read()
            return response.status
        return 0

    def send_at_once(self, path: str, body: bytes, count: int) -> None:
        """Send requests beside each other."""
        send = ("POST", path, body)
        threads = [threading.Thread(target=self.send, args=send) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def headers(self, role: str) -> dict[str, str]:
        """Return the headers of a request; of an unknown role they have a wrong token."""
        token = self.tokens.get(role, "a token that nobody has")
        return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def open_connections(self, count: int, sent: bytes) -> int:
        """Open connections that never finish their requests; return how many the service closed."""
        opened = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(count)]
        closed = 0
        for connection in opened:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                connection.sendall(sent)
        time.sleep(1.0)
        for connection in opened:
            try:
                closed += connection.recv(1000) == b""
            except BlockingIOError:
                pass
            except OSError:
                closed += 1
            connection.close()
        return closed


def make_floods(orders: int, connections: int, tokens: int) -> dict[str, Flood | None]:
    """Return the floods by name; each is called again until its time is over."""
    snapshot = snapshot_with(orders)
    large = [
        json.dumps({"snapshot": snapshot | {"clock": snapshot["clock"] + i}}).encode()
        for i in (0, 1)
    ]
    waiting = json.dumps({"snapshot": snapshot_with(60), "seconds": 1.0}).encode()
    machines = b",".join(b'"m%d":1' % i for i in range(1_000_000))
    wrong = {
        "a million machines": b'{"snapshot":{"orders":[],"machines":{%b}}}' % machines,
        "millions of numbers as orders": b'{"snapshot":{"orders":[%b1]}}' % (b"1," * 5_000_000),
        "15 MB of brackets": b"[" * 15_000_000,
    }

    return {
        "nothing": None,
        f"decisions on {orders} orders": lambda service, i: service.send(
            "POST", "/v1/decide", large[i % 2]
        ),
        f"floors of {orders} orders": lambda service, i: service.send(
            "PUT", "/v1/floor", large[i % 2]
        ),
        **{
            name: lambda service, _, body=body: service.send("POST", "/v1/decide", body)
            for name, body in wrong.items()
        },
        "64 waiting plans": lambda service, _: service.send_at_once("/v1/plan", waiting, 64),
        f"{connections} idle connections": lambda service, _: service.open_connections(
            connections, b""
        ),
        f"{connections} heads without an end": lambda service, _: service.open_connections(
            connections, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 30_000
        ),
        f"{tokens} wrong tokens": lambda service, _: [
            service.send("POST", "/v1/decide", b"{}", "nobody") for _ in range(tokens)
        ],
    }


def decide_beside(
    service: Service, body: bytes, flood: Flood | None, seconds: float
) -> tuple[list[float], Counter[int]]:
    """Return the latencies of decisions beside a flood, and the statuses of refusals."""
    latencies, refused, over = list[float](), Counter[int](), threading.Event()

    def decide() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        while not over.is_set():
            start = time.perf_counter()
            connection.request("POST", "/v1/decide", body, service.headers("decide"))
            response = connection.getresponse()
            response.read()
            latencies.append(time.perf_counter() - start)
            refused[response.status] += response.status != 200
            time.sleep(_PAUSE)
        connection.close()

    thread = threading.Thread(target=decide)
    thread.start()
    start, turn = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        if flood is None:
            time.sleep(_PAUSE)
        else:
            flood(service, turn)
        turn += 1
    over.set()
    thread.join()
    return latencies, +refused


def main() -> int:
    """Measure, print and write the figures; return the exit status."""
    parser = argparse.ArgumentParser(
        description="latency of decisions beside floods",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of an exported policy")
    parser.add_argument("--seconds", type=float, default=20.0, help="time of each flood")
    parser.add_argument("--orders", type=int, default=17_000, help="orders of large snapshots")
    parser.add_argument("--connections", type=int, default=1000, help="number of connections")
    parser.add_argument("--tokens", type=int, default=10_000, help="number of wrong tokens")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    small = json.dumps({"snapshot": snapshot_with(60)}).encode()
    figures, all_refused = dict[str, dict[str, float]](), Counter[int]()
    floods = make_floods(options.orders, options.connections, options.tokens)
    with (
        tempfile.TemporaryDirectory() as name,
        running_service(options.bundle, Path(name), with_tokens=True) as (port, _),
    ):
        service = Service(port, Path(name) / "log.tokens")
        for flood, make in floods.items():
            latencies, refused = decide_beside(service, small, make, options.seconds)
            p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
            figures[flood] = {"decisions": len(latencies), "p50_ms": p50, "p99_ms": p99}
            figures[flood]["max_ms"] = max(latencies) * 1e3
            all_refused += refused
            row = ", ".join(f"{key} {value:.1f}" for key, value in figures[flood].items())
            print(f"{flood:<32} {row} {dict(refused) or ''}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 1 if all_refused else 0


if __name__ == "__main__":
    sys.exit(main())
