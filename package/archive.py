"""A zip file whose bytes depend on nothing but its contents."""

import zipfile
from pathlib import Path

# What a zip file can tell at the earliest.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE_FILE = 0o100644 << 16
_LEVEL = 6


def write_zip(folder: Path, archive: Path) -> None:
    """Pack a folder's files, sorted by name, with the same time and permissions for all; replaces what was there."""
    unfinished = archive.with_suffix(".part")
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(unfinished, "w") as packed:
        for name, path in files:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE_FILE
            packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, _LEVEL)
    unfinished.replace(archive)
