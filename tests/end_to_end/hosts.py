"""The hosts that end-to-end tests start: of the app that was chosen, and held against what its package would hold."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from local.lifecycle import ROOT
from local.stack.processes import Child, started
from package.reached import LIST, of_msgraph, reached_modules


class AppUnderTest:
    """Which app the hosts run: the checkout, or what the option `--app` says."""

    folder: Path = ROOT


@contextmanager
def started_host(
    *options: str, env: Mapping[str, str], log: Path, app: Path | None = None, reached: set[str] | None = None
) -> Iterator[Child]:
    """Run a host of the app on a free port, and see afterwards that a package would have held all that it loaded.

    Args:
        options: further ones of `python -m local host`.
        env: variables added to this process's own.
        log: the file to which everything the host writes is appended.
        app: another app than the one under test.
        reached: to which the modules of msgraph that it loaded are added, instead of being compared with the list.
    """
    loaded = log.parent / f"{uuid4()}.modules.json"
    folder = str(app or AppUnderTest.folder)
    options = ("--port", "0", "--app", folder, "--loaded-modules", str(loaded), *options)
    with started("host", *options, env=env, log=log) as child:
        yield child
    if not loaded.exists():  # It was killed.
        return
    modules = of_msgraph(json.loads(loaded.read_text(encoding="utf-8")))
    if reached is not None:
        reached |= modules
        return
    missing = sorted(modules - reached_modules())
    assert not missing, (
        f"The app loaded modules of msgraph that its package would lack: {missing}. Make "
        f"tests/end_to_end/test_reached_modules.py reach them, too, and write {LIST.name} again: `make reached`."
    )
