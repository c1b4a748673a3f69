"""``python -m connector`` writes the documents; ``python -m connector check`` says what is wrong or out of date."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector import columns_page, openapi, properties, publisher, queue_message, rules, swagger
from connector.rules import ICON, PROPERTIES, SETTINGS, SWAGGER

FOLDER = publisher.ROOT / "connector"
# The connector in two forms: with the sign-in, paconn asks for a client secret when it creates it.
ACCESS_KEY = FOLDER / "access-key"
ACCESS_KEY_OR_ENTRA_ID = FOLDER / "access-key-or-entra-id"
SIGN_IN = {ACCESS_KEY: False, ACCESS_KEY_OR_ENTRA_ID: True}
README = FOLDER / "readme.md"
OPENAPI = publisher.ROOT / "activities" / "web" / "openapi.json"
QUEUE_MESSAGE = publisher.ROOT / "docs" / "queue-message.schema.json"


def generated() -> dict[Path, bytes]:
    """Return every generated file and what should stand in it."""
    files = {
        OPENAPI: encode(openapi.build()),
        QUEUE_MESSAGE: encode(queue_message.build()),
        columns_page.PAGE: columns_page.build(),
    }
    for folder, sign_in in SIGN_IN.items():
        files |= {
            folder / SWAGGER: encode(swagger.build(sign_in=sign_in)),
            folder / PROPERTIES: encode(properties.build(sign_in=sign_in)),
            folder / SETTINGS: encode(properties.settings()),
            folder / ICON: (FOLDER / ICON).read_bytes(),
        }
    return files


def outdated() -> list[str]:
    """Return which committed files differ from what the code says."""
    return [
        path.relative_to(publisher.ROOT).as_posix()
        for path, content in generated().items()
        if not path.exists() or path.read_bytes() != content
    ]


def broken() -> list[str]:
    """Return which rules the documents break, and where.

    Raises:
        rules.SpectralError: Spectral is not installed, or did not come to an end.
    """
    return [str(finding) for finding in rules.check(SIGN_IN, [OPENAPI])]


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document as it is committed."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def say(line: str) -> None:
    """Tell whoever started this."""
    sys.stdout.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """Carry out a command; the answer is the exit code."""
    match arguments:
        case []:
            for path, content in generated().items():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
                say(f"wrote {path.relative_to(publisher.ROOT).as_posix()} ({len(content):,} bytes)")
            return 0
        case ["check"]:
            stale = [f"{path} is out of date: run make connector" for path in outdated()]
            try:
                # Without the files there is nothing to read rules on.
                found = [] if stale else broken()
            except rules.SpectralError as error:
                found = [str(error)]
            say("\n".join([*stale, *found]) or "the connector is up to date and keeps every rule")
            return 1 if stale or found else 0
    say("python -m connector writes the documents, python -m connector check checks them")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
