"""Hostile inputs in numbers: mutations of real ones, steered by the answers they get, all from one seed.

An input whose answer was not seen before joins those that are mutated, so that the loop finds its way behind checks.
"""

import os
import random
import re
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.proof import LONG

SEED = int(os.environ.get("DICOMRS_SEED") or (time.time_ns() // 10**9 if LONG else 1))
"""The short run is the same every time; DICOMRS_SEED=… repeats a long one."""
LONGEST = 64 << 10  # bytes of an input
_MOST_KEPT = 16 << 20  # bytes of inputs that were answered in a new way
_NUMBERS = (0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_FORMATS = ("B", "<H", ">H", "<I", ">I")
_VARIES = re.compile(r"[0-9A-F]*[0-9][0-9A-F]*")
_ROUNDS = (1, 1, 1, 2, 2, 3, 5, 8)


@dataclass(frozen=True)
class Target:
    """Something that reads strangers' bytes.

    answer: reads one input and says, in a short text, what became of it; whatever it raises is a finding.
    tokens: pieces that mean something to it; patience: seconds of processor time that one input may take.
    """

    name: str
    answer: Callable[[bytes], str]
    corpus: Sequence[bytes]
    tokens: Sequence[bytes] = ()
    patience: float = 0.05


@dataclass
class Outcome:
    """What a run has shown. slowest: seconds of processor time; grown: MB that the process has taken meanwhile."""

    inputs: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    grown: float = 0.0
    seconds: float = 0.0

    @property
    def note(self) -> str:
        rate = self.inputs / max(self.seconds, 0.001)
        return (
            f"seed {SEED}; {len(self.answers)} different answers; slowest {1000 * self.slowest:.1f} ms; "
            f"memory +{self.grown:.0f} MB; {rate:,.0f}/s"
        )


def outcome(said: object) -> str:
    """A sentence as an answer: without what varies in it."""
    return _VARIES.sub("#", str(said))[:100]


class Mutator:
    """Makes inputs out of others."""

    def __init__(self, rng: random.Random, corpus: Sequence[bytes], tokens: Sequence[bytes] = ()) -> None:
        self.corpus = list(corpus)
        self.longest = min(LONGEST, max(4096, 2 * max(map(len, corpus))))
        self._kept = 0
        self._rng = rng
        self._tokens = tokens or (b"\0", b"\xff")
        self._ways = (
            self._flip,
            self._flip,
            self._number,
            self._number,
            self._cut,
            self._repeat,
            self._splice,
            self._token,
        )

    def next(self) -> bytes:
        """One more."""
        data = bytearray(self._rng.choice(self.corpus))
        for _ in range(self._rng.choice(_ROUNDS)):
            self._rng.choice(self._ways)(data)
        if self._rng.random() < 0.05:
            del data[self._place(data) :]
        return bytes(data[: self.longest])

    def keep(self, data: bytes) -> None:
        """Mutate it, too."""
        if self._kept + len(data) <= _MOST_KEPT:
            self._kept += len(data)
            self.corpus.append(data)

    def _place(self, data: bytearray) -> int:
        """Anywhere, but rather in front, where the structure is."""
        return int(len(data) * self._rng.random() ** self._rng.choice((1, 2, 4)))

    def _span(self, data: bytearray) -> slice:
        start = self._place(data)
        return slice(start, start + self._rng.choice((1, 2, 4, 8, 16, 64, 256)))

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._place(data)] ^= 1 << self._rng.randrange(8)

    def _number(self, data: bytearray) -> None:
        style = self._rng.choice(_FORMATS)
        size = struct.calcsize(style)
        if len(data) >= size:
            at = min(self._place(data), len(data) - size)
            struct.pack_into(style, data, at, self._rng.choice(_NUMBERS) & ((1 << 8 * size) - 1))

    def _cut(self, data: bytearray) -> None:
        del data[self._span(data)]

    def _repeat(self, data: bytearray) -> None:
        span = self._span(data)
        data[span.start : span.start] = data[span] * self._rng.choice((1, 1, 2, 20))

    def _splice(self, data: bytearray) -> None:
        other = self._rng.choice(self.corpus)
        start = int(len(other) * self._rng.random())
        data[self._place(data) :] = other[start:]

    def _token(self, data: bytearray) -> None:
        token, at = self._rng.choice(self._tokens), self._place(data)
        data[at : at + self._rng.choice((0, len(token)))] = token


def fuzz(target: Target, inputs: int, keep: Path, seed: int = SEED) -> Outcome:
    """Give a target so many inputs; the first that it answers by an exception, or slowly, is kept in a file."""
    mutator = Mutator(random.Random(f"{seed} {target.name}"), target.corpus, target.tokens)
    seen = Outcome()
    before, began = _reset_peak(), time.monotonic()
    for data in target.corpus:  # as they are, they must do
        _try(target, data, seen, keep)
    while seen.inputs < inputs:
        data = mutator.next()
        if _try(target, data, seen, keep):
            mutator.keep(data)
    seen.seconds = time.monotonic() - began
    seen.grown = max(0.0, _memory("VmHWM") - before)
    return seen


def _try(target: Target, data: bytes, outcome: Outcome, keep: Path) -> bool:
    """Whether the answer is a new one."""
    outcome.inputs += 1
    started = time.thread_time()
    try:
        answer = target.answer(data)
    except Exception as error:
        keep.write_bytes(data)
        error.add_note(f"{target.name}: input {outcome.inputs} of seed {SEED}, in {keep}: {data[:200]!r}")
        raise
    outcome.slowest = max(outcome.slowest, _took(target, data, time.thread_time() - started, keep))
    new = answer not in outcome.answers
    outcome.answers[answer] = outcome.answers.get(answer, 0) + 1
    return new


def _took(target: Target, data: bytes, seconds: float, keep: Path) -> float:
    """How long an input really takes: one that seems slow is measured again, for the collector may have run."""
    for _ in range(3):
        if seconds > target.patience / 10:
            started = time.thread_time()
            target.answer(data)
            seconds = min(seconds, time.thread_time() - started)
    if seconds > target.patience:
        keep.write_bytes(data)
        raise AssertionError(f"{target.name}: {seconds:.3f} s for the {len(data)} bytes in {keep} (seed {SEED})")
    return seconds


def _reset_peak() -> float:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): VmHWM begins anew
    return _memory("VmRSS")


def _memory(name: str) -> float:
    """MB of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1000
