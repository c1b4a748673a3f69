"""The view of Bicep that the rules of this folder stand on, and the first rule: every file is Bicep."""

import importlib

import pytest

from tests.infra import bicep

EXAMPLE = """
extension microsoftGraphV1

@description('A name.')
param name string
param size int = 2048
param tenant string?
param extra object = {}

var tags = { 'azd-env-name': name, nested: [1, true, null] }
var more = union(tags, size > 1
  ? { a: 'x${name}' }
  : {})
var spread = {
  own: 1
  ...extra
}

// A reason.
resource group 'Microsoft.Resources/resourceGroups@2024-03-01' existing = {
  name: name

  resource child 'children' = {
    name: 'default'
  }
}

module site './modules/site.bicep' = [
  for one in items(tags): if (one.key != '') {
    name: 'site-${one.key}'
    params: { workbook: loadTextContent('workbook.json') }
  }
]

@secure()
output id string = site[0].outputs.id
"""


def test_what_a_file_declares() -> None:
    file = bicep.parse(EXAMPLE)
    assert {name: (param.type, param.default, param.required) for name, param in file.params.items()} == {
        "name": ("string", None, True),
        "size": ("int", 2048, False),
        "tenant": ("string?", None, False),
        "extra": ("object", {}, False),
    }
    assert file.params["name"].decorators == ("@description('A name.')",)
    assert file.outputs["id"].decorators == ("@secure()",)
    assert (file.resources["group"].type, file.resources["group"].existing) == (
        "Microsoft.Resources/resourceGroups@2024-03-01",
        True,
    )
    assert file.resources["child"].body == {"name": "default"}
    assert file.modules["site"].type == "./modules/site.bicep"
    assert list(file.modules["site"].params) == ["workbook"]
    assert file.loads == ["workbook.json"]
    assert "// A reason." in file.comments


def test_values_keep_literals_apart_from_what_is_computed() -> None:
    file = bicep.parse(EXAMPLE)
    tags = file.variables["tags"]
    assert isinstance(tags, dict)
    assert tags["nested"] == [1, True, None]
    assert isinstance(tags["azd-env-name"], bicep.Expression)
    assert tags["azd-env-name"].text == "name"
    assert file.properties("a") == [bicep.Expression("'x${name}'", file.properties("a")[0].parts)]  # type: ignore[union-attr]
    assert file.resolved(bicep.Expression("tags")) == tags


def test_a_name_is_used_where_it_stands_as_a_value_and_nowhere_else() -> None:
    file = bicep.parse(EXAMPLE)
    assert {"name", "size", "extra", "tags", "site"} <= file.uses
    # A property's name, a text and a declaration use nothing.
    assert {"own", "nested", "default", "tenant", "more", "spread", "id"} & file.uses == set()


@pytest.mark.parametrize("text", ["param name string = {\n", "resource a = {}\n", "param x string = 'a\n", "hello\n"])
def test_what_is_no_bicep_is_refused(text: str) -> None:
    with pytest.raises(bicep.BicepSyntaxError, match="line"):
        bicep.parse(text)


def test_every_file_of_the_infrastructure_is_bicep() -> None:
    """Two parsers that know nothing of each other have to agree: each is too lenient somewhere."""
    files = bicep.files()
    assert "infra/main.bicep" in files
    # By name, because it has no types; and here, because its grammar takes 0.4 s to import.
    second = importlib.import_module("pycep").BicepParser()
    for path, file in files.items():
        assert second.parse(text=file.text), path
