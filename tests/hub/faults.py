"""Faults on demand: which answers of the test Hub go wrong, and how."""

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from hub.answers import Answer, Part

FaultKind = Literal["status", "hang", "reset", "truncated", "short", "flip"]
_OF_CONTENTS = frozenset({"reset", "truncated", "short", "flip"})


@dataclass(frozen=True)
class Fault:
    """A rule: of the requests that match, those from `first` on go wrong, `times` of them.

    Attributes
    ----------
    kind : str
        ``status``: an answer of this `status`, and nothing is done; ``hang``: no answer for `seconds`. The
        others are about contents of files, and match nothing else. ``reset``: the connection is reset in the
        middle; ``truncated``: it is closed there; ``short``: the second half is missing, and the headers fit
        that; ``flip``: one bit is another.
    path : str
        Pattern of the path of the URL, as for `fnmatch`.
    method : str
        ``GET``, ``HEAD``, ``POST``, ... or ``*``.
    first, times : int
        Which of the matching requests, from 1.
    status : int
        Of the answer.
    retry_after : int or str, optional
        Sent with the status: seconds, or a date as HTTP has it.
    seconds : float
        Of a hang.
    """

    kind: FaultKind
    path: str = "*"
    method: str = "*"
    first: int = 1
    times: int = 1
    status: int = 500
    retry_after: int | str | None = None
    seconds: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is about such a request."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def refuse(self) -> Answer:
        """The answer of this status."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return Answer(self.status, b"", headers, "fault")

    def spoil(self, answer: Answer, part: Part) -> Answer:
        """The contents as they are sent; where they break off is left to the one who sends them."""
        middle = (part.start + part.stop) // 2
        if self.kind == "flip":
            data = bytearray(part.read())
            data[middle - part.start] ^= 1
            return dataclasses.replace(answer, body=bytes(data))
        if self.kind == "short":
            size = part.file.stat().st_size
            headers = answer.headers | {"Content-Range": f"bytes {part.start}-{middle - 1}/{size}"}
            return dataclasses.replace(answer, body=part._replace(stop=middle), headers=headers)
        return answer


class Faults:
    """The rules of a server; shared by its threads."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._seen: list[int] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)
            self._seen.append(0)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    def next(self, method: str, path: str, *, of_contents: bool) -> Fault | None:
        """The fault of this request, if it has one; the first rule that says so counts."""
        with self._lock:
            hit = None
            for number, rule in enumerate(self._rules):
                if (rule.kind in _OF_CONTENTS) == of_contents and rule.matches(method, path):
                    self._seen[number] += 1
                    if hit is None and 0 <= self._seen[number] - rule.first < rule.times:
                        hit = rule
            return hit


class Turns:
    """Lets every n-th request go wrong, by turns; stands in for `Faults`.

    Where it would be the turn of a fault of contents and a request has none, the next one with contents has
    it.

    Attributes
    ----------
    done : list of Fault
        What has gone wrong so far.
    """

    def __init__(self, every: int, faults: Sequence[Fault]) -> None:
        self._every, self._faults = every, faults
        self._requests = 0
        self._due: list[Fault] = []
        self.done: list[Fault] = []
        self._lock = threading.Lock()

    def next(self, method: str, path: str, *, of_contents: bool) -> Fault | None:
        """The fault of this request, if it has one."""
        with self._lock:
            if not of_contents:
                self._requests += 1
                turn, rest = divmod(self._requests, self._every)
                if rest:
                    return None
                self._due.append(self._faults[(turn - 1) % len(self._faults)])
            if not self._due or (self._due[0].kind in _OF_CONTENTS) != of_contents:
                return None
            self.done.append(self._due.pop(0))
            return self.done[-1]
