"""Which modules an app uses, and from where: its packages, this environment's, then its own; what it loaded is told.

It imports nothing from outside the standard library: whatever is imported before `prefer_packages_of` comes from this
environment.
"""

import json
import sys
from pathlib import Path

from local.lifecycle import ROOT

PACKAGES = Path(".python_packages", "lib", "site-packages")
"""Where a deployed app holds its packages.

https://learn.microsoft.com/azure/azure-functions/python-build-options#deployment-package-considerations
"""


def prefer_packages_of(app: Path) -> None:
    """Put the packages that an app brings along, if any, in front of all others, as the platform does.

    The platform's worker does so before it imports the worker library or anything of the app: `DependencyManager` in
    https://github.com/Azure/azure-functions-python-worker/blob/dev/workers/proxy_worker/utils/dependency.py
    """
    packages = app.resolve() / PACKAGES
    if packages.is_dir():
        sys.path.insert(0, str(packages))


def search_app_last(app: Path) -> None:
    """Put an app's own modules behind all packages, as on the platform, and behind them this repository, for the host.

    So a module of an app that is called like a package or a part of the standard library is not found.
    """
    own = [str(app), str(ROOT)]
    sys.path[:] = [path for path in sys.path if path and str(Path(path).resolve()) not in own]
    sys.path += dict.fromkeys(own)


def write_loaded_modules(path: Path) -> None:
    """Write the names of all loaded modules, each with its file, as a JSON object; "" stands for no file."""
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    path.write_text(json.dumps(files, indent=0, sort_keys=True), encoding="utf-8")
