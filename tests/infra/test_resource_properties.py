"""The names in functionAppConfig and authsettingsV2, held against the models of Azure's own Python library.

The registry's modules take them as they are, so a wrong name would pass the compiler, and Azure would drop it.
"""

import ast
import importlib
import re
import typing
from enum import Enum
from functools import cache
from typing import Any

import pytest

from tests.infra import bicep

FUNCTION_APP = "infra/modules/function-app.bicep"
# What the library has as text and the platform as a closed list.
# Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan
MEMORY_MB = {512, 2048, 4096}


@cache
def models() -> Any:
    """Import the library when it is needed: by name, because mypy would read it all; once, because it takes 0.4 s."""
    return importlib.import_module("azure.mgmt.web.models")


def wire_names(model: Any) -> dict[str, Any]:
    """Return the properties of a model as the REST API spells them, each with its Python type."""
    model()  # The library fills in the names when a model is made for the first time.
    hints = typing.get_type_hints(model, {"_models": models(), **vars(importlib.import_module(model.__module__))})
    return {
        rest._rest_name: hints.get(attribute, Any)  # noqa: SLF001 (the library has no public way to ask)
        for attribute, rest in model._attr_to_rest_field.items()  # noqa: SLF001 (likewise)
    }


def wrong_properties(value: bicep.Value, kind: Any, file: bicep.File, path: str) -> list[str]:
    """Return the properties and values that the model does not have."""
    value = file.resolved(value)
    if isinstance(value, bicep.Expression):
        inside = [one for one in value.parts if isinstance(file.resolved(one), dict | list | bicep.Expression)]
        return [wrong for one in inside for wrong in wrong_properties(one, kind, file, path)]
    classes: list[type] = [one for one in flattened(kind) if isinstance(one, type)]
    if isinstance(value, list):
        return [wrong for one in value for wrong in wrong_properties(one, kind, file, f"{path}[]")]
    if isinstance(value, str):
        known_values = {str(member.value) for one in classes if issubclass(one, Enum) for member in one}
        return [f"{path}: {value}"] if known_values and value not in known_values else []
    model = next((one for one in classes if is_model(one)), None)
    if not isinstance(value, dict) or model is None:
        return []
    known = wire_names(model)
    wrong = [f"{path}.{name}" for name in value if name not in known]
    for name in value.keys() & known.keys():
        wrong += wrong_properties(value[name], known[name], file, f"{path}.{name}")
    return wrong


def flattened(kind: Any) -> list[Any]:
    """Return the classes in a type such as ``list[Model] | None``."""
    arguments = typing.get_args(kind)
    return [one for argument in arguments for one in flattened(argument)] if arguments else [kind]


def is_model(kind: type) -> bool:
    return kind.__module__.startswith("azure.mgmt.web") and not issubclass(kind, Enum)


def queue_functions() -> set[str]:
    tree = ast.parse((bicep.ROOT / "function_app.py").read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and any("queue_trigger" in ast.unparse(one) for one in node.decorator_list)
    }


@pytest.fixture(scope="module")
def file() -> bicep.File:
    return bicep.files()[FUNCTION_APP]


def test_the_plans_configuration_has_the_names_of_azures_model(file: bicep.File) -> None:
    [config] = file.properties("functionAppConfig")
    assert wrong_properties(config, models().FunctionAppConfig, file, "functionAppConfig") == []


def test_the_sign_ins_configuration_has_the_names_of_azures_model(file: bicep.File) -> None:
    [config] = [one for one in file.objects if "globalValidation" in one]
    kind = models().SiteAuthSettingsV2Properties
    assert wrong_properties(config, kind, file, "authsettingsV2") == []


def test_the_runtime_is_the_python_of_this_project(file: bicep.File) -> None:
    [runtime] = file.properties("runtime")
    version = (bicep.ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert runtime == {"name": "python", "version": version}


def test_instances_that_never_go_away_are_of_groups_that_exist(file: bicep.File) -> None:
    """Each queue function scales alone, under its own name; HTTP functions scale together.

    Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#always-ready-instances
    """
    groups = {one["name"] for one in file.objects if "instanceCount" in one}
    assert groups == {"http", *(f"function:{name}" for name in queue_functions())}


def test_the_sizes_are_those_that_the_plan_has() -> None:
    params = bicep.files()["infra/main.bicep"].params
    [allowed] = [one for one in params["instanceMemoryMB"].decorators if one.startswith("@allowed(")]
    assert set(ast.literal_eval(allowed.removeprefix("@allowed(").removesuffix(")"))) == MEMORY_MB
    assert {"@minValue(1)", "@maxValue(1000)"} <= set(params["maximumInstanceCount"].decorators)


def test_azd_offers_only_regions_that_have_the_plan() -> None:
    """It filters its question by what is allowed for the parameter that says it is the region."""
    location = bicep.files()["infra/main.bicep"].params["location"]
    [allowed] = [one for one in location.decorators if one.startswith("@allowed(")]
    regions = re.findall(r"'(\w+)'", allowed)
    assert regions == sorted(set(regions))
    assert "westeurope" in regions
    assert "@metadata({ azd: { type: 'location' } })" in location.decorators


def test_rules_for_callers_have_the_names_of_azures_model(file: bicep.File) -> None:
    kind = models().IpSecurityRestriction
    assert wrong_properties(file.variables["allowed"], kind, file, "ipSecurityRestrictions") == []
    [default] = file.properties("ipSecurityRestrictionsDefaultAction")
    assert isinstance(default, bicep.Expression)
    assert {one for one in default.parts if isinstance(one, str)} == {one.value for one in models().DefaultAction}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{ scaleAndConcurency: {} }", ["config.scaleAndConcurency"]),
        ("{ scaleAndConcurrency: { instanceMemoryMb: 2048 } }", ["config.scaleAndConcurrency.instanceMemoryMb"]),
        ("{ runtime: { name: 'phyton' } }", ["config.runtime.name: phyton"]),
        ("{ deployment: { storage: { type: 'blob' } } }", ["config.deployment.storage.type: blob"]),
        (
            "{ scaleAndConcurrency: { alwaysReady: concat(a, [{ nam: 'http' }]) } }",
            ["config.scaleAndConcurrency.alwaysReady[].nam"],
        ),
        (
            "{ scaleAndConcurrency: { triggers: { http: { concurrency: 1 } } } }",
            ["config.scaleAndConcurrency.triggers.http.concurrency"],
        ),
    ],
)
def test_a_wrong_name_is_found(text: str, wrong: list[str]) -> None:
    file = bicep.parse(f"var a = x ? [{{ name: 'http', instanceCount: 1 }}] : []\nvar c = {text}\n")
    assert wrong_properties(file.variables["c"], models().FunctionAppConfig, file, "config") == wrong
