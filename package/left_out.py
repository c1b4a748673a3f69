"""Say clearly that a module of msgraph was left out of this package, instead of that it does not exist.

In a package it stands as `msgraph/generated/__init__.py`, a folder without code of its own through which every
generated module is imported. So it imports nothing of this repository.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = "msgraph"


class LeftOut(MetaPathFinder):
    """A finder that stands last: what it is asked for, no other finder has."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - The protocol's.
        target: ModuleType | None = None,  # noqa: ARG002 - The protocol's.
    ) -> ModuleSpec | None:
        """Refuse a module of msgraph.

        Raises:
            ModuleNotFoundError: it is not in the package; the message says why and what to do.
        """
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        raise ModuleNotFoundError(
            f"{fullname} was left out of the deployed package, because no end-to-end test reaches it. Add a test that "
            "does, then run `make reached` and `make package` again; or deploy with a remote build, which leaves "
            "nothing out.",
            name=fullname,
        )


def install() -> None:
    """Ask this finder after all others, once."""
    if not any(isinstance(finder, LeftOut) for finder in sys.meta_path):
        sys.meta_path.append(LeftOut())
