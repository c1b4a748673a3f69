"""Every role has a name in the table below, and the identity has these and no others."""

import re

import pytest

from tests.infra import bicep

# Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
AZURE_ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
# Source: https://learn.microsoft.com/graph/permissions-reference
GRAPH_ROLES = {
    "236c1cbd-1187-427f-b0f5-b1852454973b": "LearningAssignedCourse.ReadWrite.All",
    "7654ed61-8965-4025-846a-0856ec02b5b0": "LearningSelfInitiatedCourse.ReadWrite.All",
    "535e6066-2894-49ef-ab33-e2c6d064bb81": "LearningAssignedCourse.Read.All",
    "467524fc-ed22-4356-a910-af61191e3503": "LearningSelfInitiatedCourse.Read.All",
    # Only on request.
    "97235f07-e226-4f63-ace3-39588e11d3a1": "User.ReadBasic.All",
    "df021288-bdef-4463-88db-98f22de89214": "User.Read.All",
    "8740813e-d8aa-4204-860e-2a0f8f84dbc8": "LearningContent.Read.All",
}
OTHER_IDS = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph itself",
}
# Whom, at what, and which role: all that anybody is given.
ASSIGNMENTS = {
    ("identityPrincipalId", "account", "Storage Blob Data Owner"),
    ("identityPrincipalId", "account", "Storage Queue Data Contributor"),
    ("identityPrincipalId", "account", "Storage Table Data Contributor"),
    ("identityPrincipalId", "insights", "Monitoring Metrics Publisher"),
    ("principalId", "account::queueService::queue", "Storage Queue Data Message Sender"),
    ("principalId", "account::queueService::failed", "Storage Queue Data Message Processor"),
    ("principalId", "account::queueService::results", "Storage Queue Data Message Processor"),
}
ASSIGNMENT_TYPE = "Microsoft.Authorization/roleAssignments@"
GUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)


def spoken(name: str) -> str:
    """Return a role's name as a variable has it: ``storageBlobDataOwner`` is "Storage Blob Data Owner"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[:1].upper() + name[1:])


def unnamed_ids(file: bicep.File) -> list[str]:
    known = AZURE_ROLES | GRAPH_ROLES | OTHER_IDS
    return sorted({guid.lower() for guid in GUID.findall(file.text)} - known.keys())


def misnamed_roles(file: bicep.File) -> list[str]:
    """Return the names beside a role's id, in a variable or an object, that are not the role's."""
    beside = [(spoken(name), value) for name, value in file.variables.items()]
    beside += [(name, value) for one in file.objects for name, value in one.items()]
    roles = AZURE_ROLES | GRAPH_ROLES
    return [
        f"{name} is {roles[value]}"
        for name, value in beside
        if isinstance(value, str) and value in roles and name != roles[value]
    ]


def assignments(file: bicep.File) -> set[tuple[str, str, str]]:
    found = set()
    for resource in (one for one in file.resources.values() if one.type.startswith(ASSIGNMENT_TYPE)):
        properties = resource.body["properties"]
        assert isinstance(properties, dict)
        said = (properties["principalId"], resource.body["scope"], properties["roleDefinitionId"])
        assert all(isinstance(one, bicep.Expression) for one in said)
        principal, scope, definition = (one.text for one in said if isinstance(one, bicep.Expression))
        role = re.fullmatch(
            r"subscriptionResourceId\('Microsoft\.Authorization/roleDefinitions', '?([\w-]+)'?\)", definition
        )
        assert role, definition
        guid = file.variables.get(role[1], role[1])
        found.add((principal, scope, AZURE_ROLES.get(str(guid), str(guid))))
    return found


def kinds_of_principals(file: bicep.File) -> dict[str, set[bicep.Value]]:
    """Return, by who is given a role, the kinds that the assignments say of them; ``None`` is any kind."""
    found: dict[str, set[bicep.Value]] = {}
    for resource in (one for one in file.resources.values() if one.type.startswith(ASSIGNMENT_TYPE)):
        properties = resource.body["properties"]
        assert isinstance(properties, dict)
        principal = properties["principalId"]
        assert isinstance(principal, bicep.Expression)
        found.setdefault(principal.text, set()).add(properties.get("principalType"))
    return found


def unreasoned_assignments(file: bicep.File) -> list[str]:
    """Return the role assignments without a comment directly above them."""
    lines = file.text.splitlines()
    return [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if ASSIGNMENT_TYPE in line and not before.startswith("//")
    ]


@pytest.mark.parametrize("path", bicep.files())
def test_every_id_has_a_name(path: str) -> None:
    file = bicep.files()[path]
    assert unnamed_ids(file) == []
    assert misnamed_roles(file) == []


def test_everybody_has_exactly_the_roles_of_the_table() -> None:
    assert {one for file in bicep.files().values() for one in assignments(file)} == ASSIGNMENTS


def test_people_and_groups_may_be_given_a_role_and_a_new_identity_is_not_looked_up() -> None:
    """A kind that is said has to be the right one; without one, Azure looks for the principal, and may be too early.

    Source: https://learn.microsoft.com/azure/role-based-access-control/role-assignments-template#new-service-principal
    """
    roles = bicep.files()["infra/modules/roles.bicep"]
    assert kinds_of_principals(roles) == {"identityPrincipalId": {"ServicePrincipal"}, "principalId": {None}}


@pytest.mark.parametrize(
    ("queue", "name"),
    [("queue", "activityQueue"), ("failed", "'${activityQueue}-failed'"), ("results", "'${activityQueue}-results'")],
)
def test_a_role_for_one_queue_is_for_the_queue_of_that_name(queue: str, name: str) -> None:
    named = bicep.files()["infra/modules/roles.bicep"].resources[queue]
    assert named.existing
    assert getattr(named.body["name"], "text", None) == name


def test_no_role_is_given_in_another_way() -> None:
    """A module of the registry can assign roles, too; here each one stands beside its reason."""
    assert [path for path, file in bicep.files().items() if file.properties("roleAssignments")] == []


def test_every_role_assignment_has_its_reason_above_it() -> None:
    assert [line for file in bicep.files().values() for line in unreasoned_assignments(file)] == []


def test_the_permissions_for_graph_are_those_of_the_table() -> None:
    granted = bicep.files()["infra/modules/graph-permissions.bicep"]
    assert {text for text in granted.strings if text in GRAPH_ROLES} == GRAPH_ROLES.keys()


def test_graph_permissions_are_granted_only_on_request() -> None:
    main = bicep.files()["infra/main.bicep"]
    [module] = [one for one in main.modules.values() if one.type.endswith("/graph-permissions.bicep")]
    assert isinstance(module.around, bicep.Expression)
    assert module.around.text.startswith("if (grantGraphPermissions)")
    assert main.params["grantGraphPermissions"].default is False
    assert main.params["optionalGraphPermissions"].default == ""


@pytest.mark.parametrize("script", ["grant-graph-permissions.sh", "grant-graph-permissions.ps1"])
def test_the_admins_scripts_grant_the_same(script: str) -> None:
    text = (bicep.INFRA / script).read_text(encoding="utf-8")
    assert {name for name in GRAPH_ROLES.values() if name in text} == set(GRAPH_ROLES.values())
    assert {guid.lower() for guid in GUID.findall(text)} - GRAPH_ROLES.keys() - OTHER_IDS.keys() == set()


def test_the_admins_guide_names_every_role() -> None:
    guide = (bicep.ROOT / "docs" / "for-admins.md").read_text(encoding="utf-8")
    assert [name for name in (*AZURE_ROLES.values(), *GRAPH_ROLES.values()) if name not in guide] == []


BAD = bicep.parse("""
var storageBlobDataReader = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'
resource a 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', owner)
    principalId: identityPrincipalId
  }
}
""")


def test_a_role_that_is_not_in_the_table_is_found() -> None:
    assert unnamed_ids(BAD) == ["8e3af657-a8ff-443c-a75c-2fe8c4bcb635"]
    assert misnamed_roles(BAD) == ["Storage Blob Data Reader is Storage Blob Data Owner"]
    assert assignments(BAD) == {("identityPrincipalId", "account", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635")}
    assert len(unreasoned_assignments(BAD)) == 1
