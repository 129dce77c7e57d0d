"""Run a student's function: with a time limit, without its printing, and whatever it raises.

The function runs in a thread of its own. When the time is up an exception is raised in that thread,
again and again, and the thread is left alone if it catches even that. This guards against mistakes,
not against attacks: a class is graded in a sandbox.
"""

from __future__ import annotations

import ctypes
import inspect
import io
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachkit.grading.verdict import UnusableError

KEEP = 300
"""Characters of what a function prints that are kept."""


class Stopped(BaseException):
    """Raised inside a function whose time is up."""


@dataclass
class Outcome:
    """What became of a call: its value, or a problem in words; the beginning of what was printed, and its length."""

    value: Any = None
    problem: str = ""
    printed: str = ""
    characters: int = 0
    ended: bool = True


class _Silent(io.TextIOBase):
    """Keep the beginning of what one thread writes; let others through."""

    def __init__(self, owner: int, others: Any, outcome: Outcome) -> None:
        self._owner, self._others, self._outcome = owner, others, outcome

    def write(self, text: str) -> int:
        if threading.get_ident() != self._owner:
            return self._others.write(text)
        self._outcome.printed += text[: KEEP - len(self._outcome.printed)]
        self._outcome.characters += len(text)
        return len(text)

    def flush(self) -> None:
        self._others.flush()

    def __getattr__(self, name: str) -> Any:
        """Whatever else a stream of a notebook can do, for as long as this one stands in its place."""
        return getattr(self._others, name)


def call(function: Callable[..., Any], arguments: tuple[Any, ...], seconds: float | None) -> Outcome:
    """Return what ``function(*arguments)`` gives, or that it had not ended after so many seconds.

    One long call into compiled code holds up everything until it ends; no thread can stop it. Without a limit there is
    no thread: for the many functions of our own to which a student's is compared, threads would take most of the time.

    >>> call(lambda x: 1 / x, (0,), 1.0).problem
    'it raised ZeroDivisionError: division by zero (line 1 of your function).'
    """
    outcome = Outcome()
    if seconds is None:
        _run(function, arguments, outcome)
        return outcome
    thread = threading.Thread(target=_run, args=(function, arguments, outcome), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            thread.start()
        except RuntimeError:  # a browser has no threads, and there is no time limit
            _run(function, arguments, outcome)
            return outcome
        try:
            thread.join(seconds)
        finally:  # also when the student interrupts the kernel
            stopped = _stop(thread) if thread.is_alive() else None
    return outcome if stopped is None else _late(outcome, seconds, stopped)


def _late(outcome: Outcome, seconds: float, stopped: bool) -> Outcome:
    problem = f"it had not ended after {seconds:.2g} s. Is there a loop that never ends, or is it very slow?"
    problem += "" if stopped else " It could not be stopped either; restart the kernel."
    return Outcome(problem=problem, printed=outcome.printed, characters=outcome.characters, ended=False)


def _run(function: Callable[..., Any], arguments: tuple[Any, ...], outcome: Outcome) -> None:
    try:
        with _silent(outcome), np.errstate(all="ignore"):
            outcome.value = function(*arguments)
    except UnusableError as error:  # what an adapter has found, said in its own words
        outcome.problem = str(error)
    except BaseException as error:  # a student's function may even call exit()
        outcome.problem = "it raised an error that can't be shown."
        with suppress(BaseException):
            outcome.problem = f"it raised {type(error).__name__}: {_text(error)}{_line(error, function)}."


@contextmanager
def _silent(outcome: Outcome) -> Iterator[None]:
    owner = threading.get_ident()
    out, err = (_Silent(owner, stream, outcome) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        yield


def _text(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())[:200] or "no message"
    except Exception:
        return "a message that can't be shown"


def _line(error: BaseException, function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    lines = [n for frame, n in traceback.walk_tb(error.__traceback__) if frame.f_code is code]
    return f" (line {lines[-1] - code.co_firstlineno + 1} of your function)" if lines else ""


def _stop(thread: threading.Thread) -> bool:
    """Raise in the thread until it ends, for half a second; return whether it ended."""
    until = time.monotonic() + 0.5
    while thread.is_alive() and time.monotonic() < until:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
        thread.join(0.02)
    return not thread.is_alive()
