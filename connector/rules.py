"""What is asked of a connector: Spectral's findings in its files, and those that need more than one file.

What Spectral asks stands in ``connector/lint``. Nothing here signs in: Microsoft's own validator runs only behind that.
Source: https://learn.microsoft.com/connectors/custom-connectors/certification-submission
"""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector import publisher

LINT = publisher.ROOT / "connector" / "lint"
SPECTRAL = LINT / "node_modules" / "@stoplight" / "spectral-cli" / "dist" / "index.js"
SWAGGER, PROPERTIES, SETTINGS, ICON = "apiDefinition.swagger.json", "apiProperties.json", "settings.json", "icon.png"

_MOST_BYTES = 1_000_000
_ICON_PIXELS = range(100, 231)
_PNG = b"\x89PNG\r\n\x1a\n"
_READ_FROM_CONNECTION = re.compile(r"@connectionParameters\('([^']+)'")
_SECTIONS = (
    "Publisher",
    "Prerequisites",
    "Supported Operations",
    "Obtaining Credentials",
    "Known Issues and Limitations",
    "Deployment Instructions",
)

type Json = dict[str, Any]
type Problems = Iterator[tuple[str, str]]


class SpectralError(Exception):
    """Spectral is not installed, or did not come to an end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that breaks a rule."""

    file: Path
    place: str
    rule: str
    message: str

    def __str__(self) -> str:
        """Return it for a person: where, what, and which rule asks for it."""
        where = ": ".join(filter(None, (f"{self.file.parent.name}/{self.file.name}", self.place)))
        return f"{where}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Package:
    """The files of a connector, as far as one has to fit the other."""

    swagger: Json
    properties: Json
    swagger_bytes: int
    icon: bytes
    readme: str


def check(folders: Iterable[Path], documents: Iterable[Path]) -> list[Finding]:
    """Return everything that breaks a rule in the connectors of these folders, and in further OpenAPI documents.

    Raises:
        SpectralError: Spectral is not installed, or did not come to an end.
    """
    folders = list(folders)
    files = [folder / name for folder in folders for name in (SWAGGER, PROPERTIES, SETTINGS)]
    return [*find_by_spectral([*documents, *files]), *(one for folder in folders for one in find_between(folder))]


def find_by_spectral(files: list[Path]) -> list[Finding]:
    """Return what breaks a rule inside of one file; each name of a file says what it is.

    Raises:
        SpectralError: Spectral is not installed, or did not come to an end.
    """
    program = _node()
    if not program or not SPECTRAL.exists():
        raise SpectralError("Spectral is not installed: run `make check`, which sets it up.")
    # apiProperties.json and settings.json have none of the formats that Spectral knows by name.
    options = ["--ruleset", "spectral.yaml", "--format", "json", "--fail-severity", "hint", "--ignore-unknown-format"]
    command = [program, str(SPECTRAL), "lint", *options, *(path.resolve().as_posix() for path in files)]
    done = subprocess.run(command, cwd=LINT, check=False, capture_output=True, text=True, encoding="utf-8")
    if not done.stdout.startswith("["):
        raise SpectralError(f"Spectral failed: {done.stdout}{done.stderr}")
    # Behind the list there can be a sentence.
    found, _ = json.JSONDecoder().raw_decode(done.stdout)
    return [Finding(Path(one["source"]), ".".join(map(str, one["path"])), one["code"], one["message"]) for one in found]


def find_between(folder: Path) -> Iterator[Finding]:
    """Give what breaks a rule of more than one file, or of one that is no JSON; the readme is beside the folder."""
    swagger = (folder / SWAGGER).read_bytes()
    package = Package(
        swagger=json.loads(swagger),
        properties=json.loads((folder / PROPERTIES).read_bytes())["properties"],
        swagger_bytes=len(swagger),
        icon=(folder / ICON).read_bytes(),
        readme=(folder.parent / "readme.md").read_text(encoding="utf-8"),
    )
    for name, rule in RULES.items():
        for file, message in rule(package):
            yield Finding(folder / file, "", name, message)


def _node() -> str | None:
    """Return the Node that `make` installs where the machine has none, else the machine's."""
    scripts = Path(sys.executable).parent
    return shutil.which("node", path=os.pathsep.join([str(scripts), os.environ.get("PATH", os.defpath)]))


def swagger_too_large(package: Package) -> Problems:
    """Power Platform takes no definition of 1 MB or more."""
    if package.swagger_bytes >= _MOST_BYTES:
        yield SWAGGER, f"has {package.swagger_bytes:,} bytes; less than {_MOST_BYTES:,} are allowed"


def policy_operation_not_found(package: Package) -> Problems:
    """A policy is for operations that are there."""
    said = (one for item in package.swagger["paths"].values() for one in item.values())
    # Beside the operations of a path there can be the list of their parameters.
    known = {one.get("operationId") for one in said if isinstance(one, dict)}
    for policy in package.properties.get("policyTemplateInstances", []):
        for name in policy.get("parameters", {}).get("x-ms-apimTemplate-operationName", []):
            if name not in known:
                yield PROPERTIES, f'the policy {policy.get("templateId")} is for "{name}", which is no operation'


def policy_connection_parameter_not_found(package: Package) -> Problems:
    """What a policy reads from a connection is asked for in every way of connecting."""
    sets = package.properties.get("connectionParameterSets", {}).get("values", [])
    ways = [one.get("parameters", {}) for one in sets] or [package.properties.get("connectionParameters", {})]
    for name in _READ_FROM_CONNECTION.findall(json.dumps(package.properties.get("policyTemplateInstances", []))):
        if not all(name in way for way in ways):
            yield PROPERTIES, f'a policy reads "{name}", which is not asked for in every way of connecting'


def host_and_path_not_replaceable(package: Package) -> Problems:
    """A policy replaces the host, and by some accounts the base path; what it misses must reach nobody's server."""
    policies = package.properties.get("policyTemplateInstances", [])
    if any(one.get("templateId") == "dynamichosturl" for one in policies):
        if package.swagger.get("basePath", "/") != "/":
            yield SWAGGER, "basePath must be /, with whole paths below it"
        if not package.swagger.get("host", "").endswith(".example"):
            yield SWAGGER, "host must end with .example, where nobody can register a name"


def readme_section_missing(package: Package) -> Problems:
    """A readme has the sections that certification asks for."""
    headings = {heading.casefold() for heading in re.findall(r"^#+ +(.+?) *$", package.readme, re.MULTILINE)}
    for section in _SECTIONS:
        if section.casefold() not in headings:
            yield "readme.md", f'must have the section "{section}"'


def icon_not_valid(package: Package) -> Problems:
    """An icon is a square PNG of 100 to 230 pixels, in the connector's colour up to its corner."""
    if not package.icon.startswith(_PNG):
        yield ICON, "must be a PNG"
        return
    width, height = struct.unpack(">II", package.icon[16:24])
    if width != height or width not in _ICON_PIXELS:
        yield ICON, f"must be a square of 100 to 230 pixels, not {width} x {height}"


def icon_not_in_brand_color(package: Package) -> Problems:
    """The connector's colour is that of the icon's ground; the corner stands for it."""
    _, _, pixels = package.icon.partition(b"IDAT")
    # The first byte of a row is its filter; the first pixel of the first row is as it is with any.
    corner = zlib.decompressobj().decompress(pixels, 4)[1:] if pixels else b""
    if f"#{corner.hex()}" != str(package.properties.get("iconBrandColor")).casefold():
        yield ICON, f"has the ground #{corner.hex()}, not the connector's colour"


RULES: dict[str, Callable[[Package], Problems]] = {
    "SwaggerTooLarge": swagger_too_large,
    "PolicyOperationNotFound": policy_operation_not_found,
    "PolicyConnectionParameterNotFound": policy_connection_parameter_not_found,
    "HostAndPathNotReplaceable": host_and_path_not_replaceable,
    "ReadmeSectionMissing": readme_section_missing,
    "IconNotValid": icon_not_valid,
    "IconNotInBrandColor": icon_not_in_brand_color,
}
