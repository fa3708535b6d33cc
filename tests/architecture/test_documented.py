"""Every public method says what it is for, itself or through the base class it overrides.

Modules, classes and functions are ruff's business; ruff cannot see that an override inherits.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import jukicard
import jukihost

METHODS = (classmethod, staticmethod, property)
ELSEWHERE = {
    "jukihost.transport.pcsc.scard.Scard": "the functions of pyscard, which documents them"
}
"""Classes that only describe what another project provides and documents."""


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """The package and all modules in it, but for `__main__`, which runs when it is imported."""
    yield package
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not info.name.endswith(".__main__"):
            yield importlib.import_module(info.name)


def public_methods(module: ModuleType) -> Iterator[tuple[type, str]]:
    """The public methods and properties of the public classes that a module defines."""
    for name, cls in vars(module).items():
        if (
            inspect.isclass(cls)
            and cls.__module__ == module.__name__
            and name[0] != "_"
            and f"{cls.__module__}.{name}" not in ELSEWHERE
        ):
            for member, value in vars(cls).items():
                if member[0] != "_" and (inspect.isfunction(value) or isinstance(value, METHODS)):
                    yield cls, member


@pytest.mark.parametrize("package", [jukicard, jukihost])
def test_public_methods_are_documented(package: ModuleType) -> None:
    methods = [method for module in modules(package) for method in public_methods(module)]
    assert methods
    silent = [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls, name in methods
        if not inspect.getdoc(getattr(cls, name))
    ]
    assert not silent, "\n".join(silent)
