"""``python -m connector`` writes the documents; ``python -m connector check`` says what is wrong or out of date."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector import about, icon, openapi, properties, rules, swagger

FOLDER = about.ROOT / "connector"
SWAGGER = FOLDER / "apiDefinition.swagger.json"
PROPERTIES = FOLDER / "apiProperties.json"
SETTINGS = FOLDER / "settings.json"
ICON = FOLDER / "icon.png"
README = FOLDER / "readme.md"
OPENAPI = about.ROOT / "activities" / "web" / "openapi.json"


def generated() -> dict[Path, bytes]:
    """Return every generated file and what should stand in it."""
    return {
        SWAGGER: encode(swagger.build()),
        PROPERTIES: encode(properties.build()),
        SETTINGS: encode(properties.settings()),
        ICON: icon.build(),
        OPENAPI: encode(openapi.build()),
    }


def outdated() -> list[str]:
    """Return which committed files differ from what the code says."""
    return [
        path.relative_to(about.ROOT).as_posix()
        for path, content in generated().items()
        if not path.exists() or not _same(path, content)
    ]


def _same(path: Path, content: bytes) -> bool:
    there = path.read_bytes()
    return icon.same_picture(there, content) if path == ICON else there == content


def committed() -> rules.Package:
    """Return the connector as it is committed."""
    return rules.Package(
        swagger=json.loads(SWAGGER.read_bytes()),
        properties=json.loads(PROPERTIES.read_bytes()),
        settings=json.loads(SETTINGS.read_bytes()),
        readme=README.read_text(encoding="utf-8"),
        icon=ICON.read_bytes(),
    )


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
                path.write_bytes(content)
                say(f"wrote {path.relative_to(about.ROOT).as_posix()} ({len(content):,} bytes)")
            return 0
        case ["check"]:
            stale = [f"{path} is out of date: run make connector" for path in outdated()]
            # Without the files there is nothing to read rules on.
            found = [] if stale else [str(finding) for finding in rules.check(committed())]
            say("\n".join([*stale, *found]) or f"the connector is up to date and keeps {len(rules.RULES)} rules")
            return 1 if stale or found else 0
    say("python -m connector writes the documents, python -m connector check checks them")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
