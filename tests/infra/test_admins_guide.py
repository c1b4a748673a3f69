"""The guide for admins: what it names exists, and what exists there it names."""

import json
import re
from pathlib import Path

import pytest

from activities import settings
from activities.batches import store
from activities.errors import ErrorCode
from activities.graph import permissions
from activities.storage import ledger
from activities.web import answers
from activities.web.callers import Role
from connector.served_routes import served
from local.lifecycle import ROOT
from tests.infra.azure_cli import OPTIONAL_ROLES, ROLES
from tests.test_docs import README, first_cells, section
from tests.test_repository import repository_files

INFRA = ROOT / "infra"
# In the order in which they are needed.
PAGES = [
    ROOT / "docs" / f"for-admins{page}.md" for page in ("", "-check", "-connect", "-look-after", "-change", "-remove")
]
PATH = PAGES[0]
README_PATH = ROOT / "README.md"
GUIDE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
CALLERS = (ROOT / "docs" / "callers.md").read_text(encoding="utf-8")
MAIN = (INFRA / "main.bicep").read_text(encoding="utf-8")
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
LONGEST_PAGE_LINES = 200
# What only an admin can end, or has to look into when it lasts.
ADMINS = {422, 424, 503}


def module(name: str) -> str:
    return (INFRA / "modules" / f"{name}.bicep").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """Return the cells of the tables under a heading, without the first two lines of each."""
    lines = re.findall(r"^\| (.*) \|$", section(GUIDE, title), re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def code_blocks(path: Path) -> list[str]:
    """Return what stands between lines of three strokes: what a reader copies."""
    return re.findall(r"^```\w*\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_code_that_an_admin_may_have_to_end_is_explained() -> None:
    expected = {
        (f"`{code}`", str(int(answers.HTTP_STATUS[code]))) for code in ErrorCode if answers.HTTP_STATUS[code] in ADMINS
    }
    assert expected
    explained = {(row[0], row[1]): row[2:] for row in rows("When something does not work")}
    assert expected - explained.keys() == set()
    assert [code for code in expected if not all(explained[code])] == []


def test_every_parameter_is_told_with_its_variable_and_its_default() -> None:
    told = {row[0].strip("`"): row[1:3] for row in rows("Parameters") if len(row) > 3}
    defaults = re.findall(r'"(\w+)": \{\s*"value": "\$\{(\w+)=?([^}]*)\}"', json.dumps(PARAMETERS))
    assert len(defaults) == len(PARAMETERS)
    assert set(re.findall(r"^param (\w+)", MAIN, re.MULTILINE)) == PARAMETERS.keys()
    assert {name: told[name][0] for _, name, _ in defaults} == {
        name: f"`{parameter}`" for parameter, name, _ in defaults
    }
    wrong = [name for _, name, default in defaults if default and told[name][1] != f"`{default}`"]
    assert wrong == []
    assert told.keys() - {name for _, name, _ in defaults} <= {"`azd env set`", "azd env set", "---"}


def test_every_azure_role_has_its_reason() -> None:
    variables = re.findall(r"^var (\w+) = '[0-9a-f]{8}-[0-9a-f-]{27}'", module("roles"), re.MULTILINE)
    names = {re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize() for name in variables}
    told = {row[0].strip("*").capitalize(): row[3] for row in rows("What is created") if len(row) > 3}
    assert names
    assert {name for name in names if not told.get(name)} == set()


def test_the_app_the_script_the_template_and_the_guide_name_the_same_permissions() -> None:
    assert set(permissions.NEEDED_FOR) == ROLES.keys()
    assert set(permissions.OPTIONAL_FOR) == OPTIONAL_ROLES.keys()
    assert first_cells(section(GUIDE, "Microsoft Graph permissions")) == {*ROLES, *OPTIONAL_ROLES}
    granted = dict(re.findall(r"'([A-Z][\w.]+)': '([0-9a-f-]{36})'", module("graph-permissions")))
    assert granted == ROLES | OPTIONAL_ROLES


def test_every_queue_table_and_container_is_named() -> None:
    queue = settings.Settings().activity_queue
    queues = {queue} | {f"{queue}-{one}" for one in ("batches", "failed", "results", "poison", "batches-poison")}
    names = {*queues, ledger.TABLE, store.TABLE, *re.findall(r"Container = '(\w+)'", module("storage"))}
    created = section(GUIDE, "What is created")
    assert {name for name in names if f"`{name}`" not in created} == set()


def test_every_setting_that_azd_makes_is_explained() -> None:
    made = set(re.findall(r"^ +([A-Z][A-Za-z0-9_]+): ", module("function-app"), re.MULTILINE))
    made |= set(re.findall(r"^      ([A-Z][A-Z_]+): ", MAIN, re.MULTILINE))
    assert len(made) > len(PARAMETERS) // 2
    explained = first_cells(section(README, "Settings")) | first_cells(section(GUIDE, "What is created"))
    assert made - explained == set()


def test_every_alert_is_named() -> None:
    titles = re.findall(r"(?:title|alertDescription): 'Viva Learning: ([^'.]+)", module("alerts"))
    assert titles
    assert [title for title in titles if f"*{title}*" not in section(GUIDE, "Watch")] == []


@pytest.mark.parametrize(
    ("title", "script"),
    [
        ("Microsoft Graph permissions", "grant-graph-permissions"),
        ("The learning provider", "enable-course-activity-sync"),
        ("Microsoft Entra ID instead of keys", "assign-app-roles"),
    ],
)
def test_every_option_that_the_guide_gives_to_a_script_exists(title: str, script: str) -> None:
    text = section(GUIDE, title) + (section(CALLERS, title) if title in CALLERS else "")
    bash, powershell = ((INFRA / f"{script}.{kind}").read_text(encoding="utf-8") for kind in ("sh", "ps1"))
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert options
    assert {option for option in options if not re.search(rf"^  {option} ", bash, re.MULTILINE)} == set()
    switches = set(re.findall(r"`-([A-Z]\w+)`", text)) - {"WhatIf"}
    assert {switch for switch in switches if f"] ${switch}" not in powershell} == set()
    assert "SupportsShouldProcess" in powershell  # Which brings -WhatIf.


def test_what_is_taken_away_by_hand_has_the_name_that_it_was_given() -> None:
    made = set(re.findall(r"name: '((?:ag|alert|test)-viva-learning[\w-]*)'", module("alerts")))
    taken = set(re.findall(r"`((?:ag|alert|test)-viva-learning[\w-]*)`", section(GUIDE, "Turn something off again")))
    assert taken
    assert taken <= made


def test_every_option_that_leaves_something_behind_is_told_how_to_turn_off() -> None:
    """Deployments take nothing away: what is only made on a condition stays, and so does a list that is a loop."""
    conditions = set(re.findall(r"^(?:module|resource) .* = if \(!?(?:empty\()?(\w+)", MAIN, re.MULTILINE))
    variables = dict(re.findall(r'"(\w+)": \{\s*"value": "\$\{(\w+)', json.dumps(PARAMETERS)))
    told = section(GUIDE, "Turn something off again")
    optional = {variables[one] for one in conditions & variables.keys()} - {"EXISTING_RESOURCE_GROUP"}
    optional |= {"QUEUE_SENDER_PRINCIPAL_IDS", "QUEUE_READER_PRINCIPAL_IDS", "VNET_ENABLED", "DELETE_LOCK"}
    assert {"ENTRA_AUTH", "GRANT_GRAPH_PERMISSIONS"} <= optional
    assert {name for name in optional if f"`{name}`" not in told} == set()


def test_what_costs_something_is_a_parameter_that_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{5,})(?:=\w+)?`", section(GUIDE, "What it costs")))
    assert named
    assert named <= {name for _, name in re.findall(r'"(\w+)": \{\s*"value": "\$\{(\w+)', json.dumps(PARAMETERS))}


def test_every_command_that_the_guide_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b`", GUIDE)) <= targets
    scripts = set(re.findall(r"infra/[\w-]+\.(?:sh|ps1)", GUIDE))
    assert scripts == {f"infra/{path.name}" for kind in ("*.sh", "*.ps1") for path in INFRA.glob(kind)}


def test_what_the_guide_asks_azd_for_is_there() -> None:
    outputs = set(re.findall(r"^output (\w+)", MAIN, re.MULTILINE))
    assert set(re.findall(r"azd env get-value (\w+)", GUIDE)) | {"API_AUDIENCE", "API_SCOPE"} <= outputs
    variables = set(re.findall(r"\$\{(\w+)", json.dumps(PARAMETERS)))
    assert set(re.findall(r"azd env set (\w+)", GUIDE)) <= variables


def test_the_steps_come_in_the_order_in_which_they_work() -> None:
    """Who deploys before the grant has an app without permissions for a day: the token outlives the grant."""
    headings = re.findall(r"^## (.*)$", GUIDE, re.MULTILINE)
    sections = ["Provision", "Microsoft Graph permissions", "Deploy", "The learning provider", "Check", "Who may call"]
    assert [heading for heading in headings if heading in sections] == sections
    linked = re.findall(r"^\| \d\. \[[^\]]+\]\([\w.-]*#([^)]+)\)", GUIDE, re.MULTILINE)
    assert linked == [one.lower().replace(" ", "-") for one in sections]


def test_the_package_is_deployed_as_it_is() -> None:
    """`config-zip` builds it again, whatever its flags say; `azd up` deploys before anybody can grant."""
    pages = [README_PATH, *(ROOT / "docs").glob("*.md")]
    commands = [line for page in pages for block in code_blocks(page) for line in block.splitlines()]
    assert [
        line for line in commands if re.search(r"config-zip|^azd up|^azd deploy(?! api --from-package)", line)
    ] == []
    deploy = section(GUIDE, "Deploy")
    assert "azd deploy api --from-package dist/app.zip" in deploy
    assert "/api/publish?RemoteBuild=false" in deploy
    assert "config-zip" in deploy  # That it is not the way.


def test_what_azd_is_to_put_right_it_does_although_nothing_has_changed() -> None:
    """Without `--no-state` it skips a template that it knows: what was changed elsewhere stays wrong.

    Source: https://github.com/Azure/azure-dev/blob/main/cli/azd/docs/provision-state.md
    """
    sentences = re.findall(r"[^.;|]*\bputs? [^.;|]*\bright\b", " ".join(GUIDE.split()))
    assert sentences
    assert [one for one in sentences if "azd provision --no-state" not in one] == []


def test_the_guide_and_azd_ask_for_the_same_version() -> None:
    [required] = re.findall(r'azd: ">= ([\d.]+)"', (ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert f"(azd, {required} or newer)" in " ".join(GUIDE.split())


def test_the_guide_knows_how_health_answers_when_a_setting_cannot_be_used() -> None:
    """The app is not built then, so no check is made: the answer is that of every other route."""
    status = int(answers.HTTP_STATUS[ErrorCode.INTERNAL_ERROR])
    assert f"| {status}, `internalError` |" in section(GUIDE, "Check")


def test_every_link_leads_somewhere() -> None:
    for page in (*PAGES, ROOT / "docs" / "callers.md"):
        for link in re.findall(r"\]\((?!https:)([^)]+)\)", page.read_text(encoding="utf-8")):
            name, _, anchor = link.partition("#")
            path = (page.parent / name).resolve() if name else page
            assert path.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(path), f"{page.name}: {link}"


def test_every_link_to_the_guide_leads_somewhere() -> None:
    pages = [path for path in repository_files() if path.suffix == ".md"]
    for page in pages:
        text = (ROOT / page).read_text(encoding="utf-8")
        for name, anchor in re.findall(r"\]\((?!https:)[^)#]*?(for-admins[\w-]*\.md)#([^)]+)\)", text):
            assert anchor in anchors(ROOT / "docs" / name), f"{page}: {name}#{anchor}"


def test_the_first_page_leads_to_all_others() -> None:
    first = PATH.read_text(encoding="utf-8").partition("\n## ")[0]
    assert [page.name for page in PAGES[1:] if f"]({page.name})" not in first] == []
    assert {page.name for page in (ROOT / "docs").glob("for-admins*.md")} == {page.name for page in PAGES}


def test_the_guide_can_be_read_in_one_sitting() -> None:
    pages = {page.name: page.read_text(encoding="utf-8").splitlines() for page in PAGES}
    assert [name for name, lines in pages.items() if len(lines) > LONGEST_PAGE_LINES] == []
    lines = [*GUIDE.splitlines(), *CALLERS.splitlines()]
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_every_role_and_every_function_with_a_key_is_told_in_the_guide_to_callers() -> None:
    told = first_cells(CALLERS)
    assert told >= set(Role)
    assert told >= {name for name, route in served().items() if route.needs_key}
