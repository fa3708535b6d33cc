"""Every exception of both packages crosses a process boundary as what it is.

A process pool, a queue between processes and `copy` pickle what was raised. An exception that
cannot be made again from its `args` hangs the pool or arrives as a TypeError.
"""

from __future__ import annotations

import copy
import datetime
import importlib
import inspect
import io
import pickle
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from enum import Enum
from multiprocessing import get_context
from typing import Any

import pytest
from tblib.pickling_support import pickle_exception

import jukicard
import jukihost
from jukicard.apdu import StatusWord
from jukicard.memory.image import ImageError, ImageProblem

PACKAGES = (jukicard, jukihost)


def _subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def _all() -> list[type[BaseException]]:
    """Return the exceptions of every module, also those inside a class."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    ours = {
        kind
        for kind in _subclasses(BaseException)
        if kind.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}
    }
    return sorted(ours, key=lambda kind: (kind.__module__, kind.__qualname__))


ALL = _all()


def _argument(kind: Any) -> Any:
    """Return a value of the type that a parameter is declared with."""
    if kind is StatusWord:
        return StatusWord(0x63C2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    day = datetime.date(2026, 4, 1)
    values = {str: "what happened, and what to do", int: 0x20, bytes: b"\x01", datetime.date: day}
    return values[kind]


def make(kind: type[BaseException]) -> BaseException:
    """Make one as its own constructor says; those that have none take a text."""
    own = next((base for base in kind.__mro__ if "__init__" in vars(base)), BaseException)
    if own.__module__.partition(".")[0] not in ("jukicard", "jukihost"):
        return kind("what happened, and what to do")
    parameters = inspect.signature(kind, eval_str=True).parameters.values()
    return kind(*(_argument(p.annotation) for p in parameters if p.default is p.empty))


def state(error: BaseException) -> tuple[object, ...]:
    """Return all that is to arrive."""
    return type(error), str(error), repr(error), error.args, vars(error)


def test_there_are_exceptions_to_test() -> None:
    assert len(ALL) >= 143
    assert {kind.__module__.partition(".")[0] for kind in ALL} == {"jukicard", "jukihost"}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_exception_is_the_same_after_pickling(kind: type[BaseException]) -> None:
    error = make(kind)
    assert str(error)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert state(pickle.loads(pickle.dumps(error, protocol))) == state(error)
    assert state(copy.copy(error)) == state(error)
    error.add_note("where it was raised")  # what a caller hangs onto it goes with it
    assert state(pickle.loads(pickle.dumps(error))) == state(error)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_every_exception_is_the_same_after_a_fleet_handed_it_on(kind: type[BaseException]) -> None:
    """Once `distributed` is imported tblib pickles: by `__dict__`, the constructor not asked."""
    error = make(kind)
    error.add_note("where it was raised")
    pickled = io.BytesIO()
    pickler = pickle.Pickler(pickled)
    pickler.dispatch_table = {kind: pickle_exception}
    pickler.dump(error)
    assert state(pickle.loads(pickled.getvalue())) == state(error)


def _fail() -> None:
    raise ImageError(ImageProblem.DAMAGED, "card.juki is damaged: use another copy")


def test_a_process_pool_hands_it_on() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ImageError, match="use another copy") as caught,
    ):
        pool.submit(_fail).result(timeout=60)
    assert caught.value.problem is ImageProblem.DAMAGED
