"""``python -m connector`` writes the documents; ``python -m connector check`` says what is wrong or out of date."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector import about, icon, openapi, properties, queue_message, rules, swagger

FOLDER = about.ROOT / "connector"
# The connector in two forms: with the sign-in, paconn asks for a client secret when it creates it.
ACCESS_KEY = FOLDER / "access-key"
ACCESS_KEY_OR_ENTRA_ID = FOLDER / "access-key-or-entra-id"
SIGN_IN = {ACCESS_KEY: False, ACCESS_KEY_OR_ENTRA_ID: True}
SWAGGER = "apiDefinition.swagger.json"
PROPERTIES = "apiProperties.json"
SETTINGS = "settings.json"
ICON = "icon.png"
README = FOLDER / "readme.md"
OPENAPI = about.ROOT / "activities" / "web" / "openapi.json"
QUEUE_MESSAGE = about.ROOT / "docs" / "queue-message.schema.json"


def generated() -> dict[Path, bytes]:
    """Return every generated file and what should stand in it."""
    files = {OPENAPI: encode(openapi.build()), QUEUE_MESSAGE: encode(queue_message.build())}
    for folder, sign_in in SIGN_IN.items():
        files |= {
            folder / SWAGGER: encode(swagger.build(sign_in=sign_in)),
            folder / PROPERTIES: encode(properties.build(sign_in=sign_in)),
            folder / SETTINGS: encode(properties.settings()),
            folder / ICON: icon.build(),
        }
    return files


def outdated() -> list[str]:
    """Return which committed files differ from what the code says."""
    return [
        path.relative_to(about.ROOT).as_posix()
        for path, content in generated().items()
        if not path.exists() or not _same(path, content)
    ]


def _same(path: Path, content: bytes) -> bool:
    there = path.read_bytes()
    return icon.same_picture(there, content) if path.name == ICON else there == content


def committed(folder: Path) -> rules.Package:
    """Return the connector as it is committed in a folder."""
    return rules.Package(
        swagger=json.loads((folder / SWAGGER).read_bytes()),
        properties=json.loads((folder / PROPERTIES).read_bytes()),
        settings=json.loads((folder / SETTINGS).read_bytes()),
        readme=README.read_text(encoding="utf-8"),
        icon=(folder / ICON).read_bytes(),
    )


def broken() -> list[str]:
    """Return which rules the connector breaks, in which folder and where."""
    return [f"{folder.name}: {finding}" for folder in SIGN_IN for finding in rules.check(committed(folder))]


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
                say(f"wrote {path.relative_to(about.ROOT).as_posix()} ({len(content):,} bytes)")
            return 0
        case ["check"]:
            stale = [f"{path} is out of date: run make connector" for path in outdated()]
            # Without the files there is nothing to read rules on.
            found = [] if stale else broken()
            say("\n".join([*stale, *found]) or f"the connector is up to date and keeps {len(rules.RULES)} rules")
            return 1 if stale or found else 0
    say("python -m connector writes the documents, python -m connector check checks them")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
