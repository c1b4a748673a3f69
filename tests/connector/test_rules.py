"""Every rule finds what breaks it, and nothing in a connector that keeps it."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connector import __main__ as commands
from connector import rules
from connector.rules import Finding
from tests.connector.documents import API

type Files = dict[str, Any]

READER = YAML(typ="safe")
EXAMPLES = READER.load(Path(__file__).with_name("broken.yaml"))
BROKEN = [(rule, example) for rule, examples in EXAMPLES["broken"].items() for example in examples]
DESCRIPTIONS = {
    **{name: rule.__doc__ or "" for name, rule in rules.RULES.items()},
    **{
        name: rule["description"]
        for path in rules.LINT.glob("*.yaml")
        for name, rule in READER.load(path).get("rules", {}).items()
    },
}
FILES = {"swagger": rules.SWAGGER, "properties": rules.PROPERTIES, "settings": rules.SETTINGS, "icon": rules.ICON}
GONE = object()
"""Instead of a value: what stands there is removed."""


def good() -> Files:
    """Return the files of a connector that keeps every rule."""
    icon = (commands.FOLDER / rules.ICON).read_bytes()
    readme = commands.README.read_text(encoding="utf-8")
    # What is written once in the examples is a copy in each place.
    return {**json.loads(json.dumps(EXAMPLES["good"])), "readme": readme, "icon": icon}


def broken(example: str | dict[str, Any]) -> tuple[str, Files]:
    """Return which file an example changes, and all files: with another value in one place, or with none there."""
    ((place, value),) = example.items() if isinstance(example, dict) else [(example, GONE)]
    first, _, rest = place.partition(" ")
    steps = f"{EXAMPLES['places'].get(first, first)} {rest}".split()
    files = good()
    holder: Any = files
    for step in steps[:-1]:
        holder = holder[int(step) if isinstance(holder, list) else step]
    last = int(steps[-1]) if isinstance(holder, list) else steps[-1]
    if value is GONE:
        del holder[last]
    else:
        holder[last] = repeated(value)
    return steps[0], files


def repeated(value: Any) -> Any:
    """Return a value as often as it says: a text in a row, an object under many names."""
    if not isinstance(value, dict) or value.keys() != {"times", "of"}:
        return value
    of, times = value["of"], value["times"]
    return of * times if isinstance(of, str) else {f"/{number}": of for number in range(times)}


def write(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True)
    for file, name in FILES.items():
        content = files[file]
        (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    (folder.parent / "readme.md").write_text(files["readme"], encoding="utf-8")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[list[Finding]]:
    """What is found in the good connector, then in each broken one, then in the API's document without a contact.

    Spectral runs once, over all files that an example changes.
    """
    if not rules.SPECTRAL.exists():
        pytest.skip("Spectral is not installed: make test sets it up")
    root = tmp_path_factory.mktemp("examples")
    folders = [root / str(number) / "connector" for number in range(len(BROKEN) + 1)]
    to_read: list[Path] = []
    for folder, (changed, files) in zip(folders, [("", good()), *(broken(one) for _, one in BROKEN)], strict=True):
        write(folder, files)
        to_read += [folder / FILES[file] for file in EXAMPLES["good"] if changed in {"", file}]
    api = root / "openapi.json"
    api.write_text(json.dumps({**API, "info": {**API["info"], "contact": {}}}), encoding="utf-8")
    findings = [
        *rules.find_by_spectral([*to_read, api]),
        *(one for each in folders for one in rules.find_between(each)),
    ]
    return [
        [one for one in findings if folder in one.file.parents] for folder in (*(each.parent for each in folders), root)
    ]


def test_a_connector_that_keeps_every_rule_has_no_findings(found: list[list[Finding]]) -> None:
    assert [str(finding) for finding in found[0]] == []


@pytest.mark.parametrize("number", range(len(BROKEN)), ids=[f"{rule}-{at}" for at, (rule, _) in enumerate(BROKEN)])
def test_what_breaks_a_rule_is_found_by_it(number: int, found: list[list[Finding]]) -> None:
    rule, _ = BROKEN[number]
    assert EXAMPLES["by"].get(rule, rule) in {finding.rule for finding in found[number + 1]}


def test_the_documents_of_the_api_are_read_too(found: list[list[Finding]]) -> None:
    """Otherwise nothing might be looked at."""
    assert "info-contact" in {finding.rule for finding in found[-1]}


def test_every_rule_has_an_example() -> None:
    assert EXAMPLES["broken"].keys() == DESCRIPTIONS.keys() | EXAMPLES["by"].keys()
    assert not DESCRIPTIONS.keys() & EXAMPLES["by"].keys()


def test_every_rule_says_why_in_a_sentence() -> None:
    assert [name for name, description in DESCRIPTIONS.items() if not description.endswith(".")] == []


def test_a_finding_says_where_what_and_why(found: list[list[Finding]]) -> None:
    number = BROKEN.index(("RestrictedCharactersInSummary", {"GET summary": "Get things."}))
    (finding,) = found[number + 1]
    where = "connector/apiDefinition.swagger.json: paths./things.get.summary"
    why = "A summary has only letters, digits and parentheses, and begins like a sentence."
    assert str(finding) == f"{where}: {why} [RestrictedCharactersInSummary]"


def test_without_spectral_the_check_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(rules, "SPECTRAL", Path("nowhere"))
    assert commands.main(["check"]) == 1
    assert "make check" in capsys.readouterr().out
