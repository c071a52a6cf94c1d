"""A unit of work that counts its runs and can fail in every way."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from factory.work_units.units import JsonObject, digest
from tests.builders.event_waits import wait_until


@dataclass(frozen=True)
class Square:
    """A unit that squares a number and marks each run in a file."""

    number: int
    marks: str
    group: str = "squares"
    size: int = 1
    how: str = "well"

    @property
    def name(self) -> str:
        return f"square of {self.number}"

    @property
    def key(self) -> str:
        return digest(self.number, self.how)

    def run(self) -> JsonObject:
        with (Path(self.marks) / f"{self.number}").open("a") as file:
            file.write("x")
        if self.how == "fails":
            return {"failed": {"reason": "crashed", "message": f"no square of {self.number}"}}
        if self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "dies once" and len((Path(self.marks) / f"{self.number}").read_text()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "ends last":
            wait_until((Path(self.marks) / "5").exists)
        while self.how == "may stop" and (Path(self.marks).parent / "stop").exists():
            signal.pause()
        return {"square": self.number**2}
