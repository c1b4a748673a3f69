"""Packages of which one module is needed, without everything else that they import by themselves. No product in it."""

import importlib.util
import sys
from types import ModuleType


class _Unopened(ModuleType):
    """A package whose own ``__init__`` runs when something of it is asked for; its modules can be imported before."""

    def __getattr__(self, name: str) -> object:
        self.__class__ = ModuleType  # type: ignore[assignment]  # Which it is, once it is open.
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        spec.loader.exec_module(self)
        return getattr(self, name)


def leave_unopened(package: str) -> None:
    """Let modules of a package be imported without running the package's own ``__init__`` first.

    Whoever asks the package itself for anything gets it as ever. A package that runs already, or is not there, stays as
    it is.
    """
    spec = None if package in sys.modules else importlib.util.find_spec(package)
    if spec is not None:
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _Unopened
        sys.modules[package] = module
