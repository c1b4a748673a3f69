"""The files of infra/ fit together: what one names, another has; what one declares, somebody uses."""

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra import bicep

REGISTRY = re.compile(r"br/public:(?P<module>avm/(?:res|ptn|utl)/[a-z0-9/-]+):(?P<version>\d+\.\d+\.\d+)")
MAIN = "infra/main.bicep"


def beside(path: str, named: str) -> str:
    """Return the path that a file means by a relative one."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), named))


def missing_files(files: Mapping[str, bicep.File], present: set[str]) -> list[str]:
    named = [
        (path, beside(path, name))
        for path, file in files.items()
        for name in (*(one.type for one in file.modules.values() if not one.type.startswith("br")), *file.loads)
    ]
    return [f"{path}: {target}" for path, target in named if target not in present]


def wrong_versions(files: Mapping[str, bicep.File]) -> list[str]:
    versions: dict[str, set[str]] = defaultdict(set)
    wrong: list[str] = []
    for path, file in files.items():
        for module in (one for one in file.modules.values() if one.type.startswith("br")):
            if found := REGISTRY.fullmatch(module.type):
                versions[found["module"]].add(found["version"])
            else:
                wrong.append(f"{path}: {module.type}")
    return wrong + [f"{module}: {sorted(found)}" for module, found in versions.items() if len(found) > 1]


def unused(files: Mapping[str, bicep.File]) -> list[str]:
    return [
        f"{path}: {name}"
        for path, file in files.items()
        for name in (*file.params, *file.variables)
        if name not in file.uses
    ]


def wrong_arguments(files: Mapping[str, bicep.File]) -> list[str]:
    """Return what a local module is given that it does not take, and what it takes and is not given."""
    wrong: list[str] = []
    for path, file in files.items():
        for name, module in file.modules.items():
            if (target := files.get(beside(path, module.type))) is None:
                continue
            required = {one for one, param in target.params.items() if param.required}
            wrong += [f"{path}: {name} has no {one}" for one in sorted(module.params.keys() - target.params.keys())]
            wrong += [f"{path}: {name} needs {one}" for one in sorted(required - module.params.keys())]
    return wrong


def unknown_outputs(files: Mapping[str, bicep.File]) -> list[str]:
    """Return the outputs of local modules that a file reads and the module does not have."""
    return [
        f"{path}: {name}.outputs.{output}"
        for path, file in files.items()
        for name, module in file.modules.items()
        for output in re.findall(rf"\b{name}(?:\[\w+\])?[!?]?\.outputs\.(\w+)", file.text)
        if (target := files.get(beside(path, module.type))) and output not in target.outputs
    ]


def wrong_parameters(main: bicep.File, parameters: Mapping[str, Any]) -> list[str]:
    required = {name for name, param in main.params.items() if param.required}
    return [f"unknown: {name}" for name in sorted(parameters.keys() - main.params.keys())] + [
        f"missing: {name}" for name in sorted(required - parameters.keys())
    ]


def different_defaults(main: bicep.File, parameters: Mapping[str, Any]) -> list[str]:
    """Return the parameters whose default for azd, ``${NAME=default}``, is another than in Bicep."""
    wrong: list[str] = []
    for name, given in parameters.items():
        said = re.fullmatch(r"\$\{[A-Z_]+(?:=(?P<default>[^}]*))?\}", str(given["value"]))
        if said is None:
            wrong.append(f"{name}: {given['value']}")
        elif not main.params[name].required:
            default = main.params[name].default
            spelled = str(default).lower() if isinstance(default, bool) else str(default)
            wrong += [name] if spelled != (said["default"] or "") else []
    return wrong


def parameters() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((bicep.INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    return read


def present() -> set[str]:
    return {path.relative_to(bicep.ROOT).as_posix() for path in bicep.INFRA.rglob("*") if path.is_file()}


def test_every_file_that_is_named_exists() -> None:
    assert missing_files(bicep.files(), present()) == []


def test_modules_of_the_registry_have_one_exact_version_each() -> None:
    assert wrong_versions(bicep.files()) == []


def test_every_parameter_and_variable_is_used() -> None:
    assert unused(bicep.files()) == []


def test_local_modules_are_given_what_they_take() -> None:
    assert wrong_arguments(bicep.files()) == []


def test_outputs_that_are_read_exist() -> None:
    assert unknown_outputs(bicep.files()) == []


def test_every_local_module_is_deployed() -> None:
    files = bicep.files()
    named = {beside(path, module.type) for path, file in files.items() for module in file.modules.values()}
    assert files.keys() - named == {MAIN}


def test_the_parameters_file_gives_what_main_takes() -> None:
    assert wrong_parameters(bicep.files()[MAIN], parameters()) == []


def test_everything_that_can_be_chosen_can_be_chosen_with_azd() -> None:
    assert set(bicep.files()[MAIN].params) == set(parameters())


def test_a_default_of_the_parameters_file_is_the_default_in_bicep() -> None:
    assert different_defaults(bicep.files()[MAIN], parameters()) == []


def test_no_computed_default_is_lost_by_the_parameters_file() -> None:
    """Azd hands over an empty text for a name that is not set, and that would take the place of the default."""
    computed = {
        name for name, param in bicep.files()[MAIN].params.items() if isinstance(param.default, bicep.Expression)
    }
    assert computed & parameters().keys() == set()


MODULE = bicep.parse("param size int\nparam name string = ''\noutput id string = '${name}${size}'\n")


@pytest.mark.parametrize(
    ("main", "problem"),
    [
        ("module a 'nowhere.bicep' = { name: 'a' }\n", "infra/main.bicep: infra/nowhere.bicep"),
        ("var a = loadTextContent('nowhere.json')\n", "infra/main.bicep: infra/nowhere.json"),
    ],
)
def test_a_missing_file_is_found(main: str, problem: str) -> None:
    assert missing_files({MAIN: bicep.parse(main)}, {MAIN}) == [problem]


@pytest.mark.parametrize(
    "main",
    [
        "module a 'br/public:avm/res/web/site:0.22' = { name: 'a' }\n",
        "module a 'br/public:avm/res/web/site:latest' = { name: 'a' }\n",
        "module a 'br:example.azurecr.io/bicep/site:1.0.0' = { name: 'a' }\n",
        (
            "module a 'br/public:avm/res/web/site:0.22.0' = { name: 'a' }\n"
            "module b 'br/public:avm/res/web/site:0.21.0' = { name: 'b' }\n"
        ),
    ],
)
def test_a_wrong_version_is_found(main: str) -> None:
    assert len(wrong_versions({MAIN: bicep.parse(main)})) == 1


def test_what_nobody_uses_is_found() -> None:
    text = "param spare string\nparam kept string\nvar alone = 'spare'\noutput kept string = '${kept}'\n"
    assert unused({MAIN: bicep.parse(text)}) == [f"{MAIN}: spare", f"{MAIN}: alone"]


def test_wrong_arguments_are_found() -> None:
    main = bicep.parse(
        "module a 'a.bicep' = {\n  name: 'a'\n  params: { sise: 1 }\n}\noutput id string = a.outputs.uri\n"
    )
    files = {MAIN: main, "infra/a.bicep": MODULE}
    assert wrong_arguments(files) == [f"{MAIN}: a has no sise", f"{MAIN}: a needs size"]
    assert unknown_outputs(files) == [f"{MAIN}: a.outputs.uri"]


def test_wrong_parameters_are_found() -> None:
    assert wrong_parameters(MODULE, {"name": {}, "colour": {}}) == ["unknown: colour", "missing: size"]
    assert different_defaults(MODULE, {"name": {"value": "${NAME=x}"}, "size": {"value": "9"}}) == ["name", "size: 9"]
    assert different_defaults(MODULE, {"name": {"value": "${NAME}"}, "size": {"value": "${SIZE}"}}) == []
