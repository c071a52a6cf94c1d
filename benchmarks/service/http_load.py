"""A steady load on the service from this machine.

Requests are due at fixed dates, whether or not earlier ones have been answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def running_service(
    bundle: Path, folder: Path, *, with_tokens: bool = False
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run ``python -m scheduler serve`` on a free port; yield port and process.

    The decision log, the output and the tokens lie in ``folder``. The service is stopped at the
    end.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "scheduler", "serve", "--bundle", str(bundle.resolve())]
    command += ["--port", str(port), "--log", str(folder / "log.sqlite"), "--rate", "0"]
    command += [] if with_tokens else ["--no-token"]
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        _wait_until_ready(port, process, folder / "output")
        yield port, process
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    while process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5),
        ):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the service did not become ready:\n{output.read_text()}")


@dataclass
class Load:
    """Latencies and refusals under a load."""

    seconds: float = 0.0
    # seconds from the date at which a request was due to the end of its answer
    latencies: list[float] = field(default_factory=list)
    refused: int = 0  # number of answers with a status other than 200

    def describe(self) -> dict[str, float]:
        """Return the key figures."""
        return {
            "requests_per_second": len(self.latencies) / self.seconds,
            "p50_us": float(np.percentile(self.latencies, 50) * 1e6),
            "p99_us": float(np.percentile(self.latencies, 99) * 1e6),
            "requests": len(self.latencies),
            "refused": self.refused,
        }


def ask_steadily(
    port: int, path: str, bodies: Sequence[bytes], *, rate: float, seconds: float, connections: int
) -> Load:
    """Send requests over open connections and return their latencies.

    Parameters
    ----------
    port, path
        Port of the service on this machine, and path of the requests.
    bodies
        Bodies of the requests, which are sent in turn.
    rate
        Requests per second; 0 sends each as soon as the previous one is answered.
    seconds
        Duration of the load.
    connections
        Number of connections.
    """
    return asyncio.run(_ask(port, path, bodies, rate, seconds, connections))


async def _ask(
    port: int, path: str, bodies: Sequence[bytes], rate: float, seconds: float, connections: int
) -> Load:
    load, turns, loop = Load(), itertools.count(), asyncio.get_running_loop()
    requests = [_make_request(path, body) for body in bodies]
    start = loop.time()

    async def ask_on() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while (turn := next(turns)) is not None:
            due = start + turn / rate if rate else loop.time()
            if due > start + seconds:
                break
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(requests[turn % len(requests)])
            load.refused += await _read_status(reader) != 200
            load.latencies.append(loop.time() - due)
        writer.close()

    await asyncio.gather(*(ask_on() for _ in range(connections)))
    load.seconds = loop.time() - start
    return load


def _make_request(path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _read_status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])
