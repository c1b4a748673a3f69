"""The scripts for admins: the .sh ones run for real, beside a stand-in for the Azure CLI; the .ps1 ones say the same.

No PowerShell is needed: its scripts are parsed, and their words, names and addresses are held against the others'.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from activities.web.callers import Role
from local.lifecycle import ROOT
from tests.infra.azure_cli import (
    API_CLIENT_ID,
    API_ROLES,
    DEVICE_CODE,
    IDENTITY,
    LMS,
    LMS_CLIENT_ID,
    OPTIONAL_ROLES,
    PERSON,
    ROLES,
    TOKEN,
    AzureCli,
    Tenant,
    azure_cli,
)

INFRA = ROOT / "infra"
GRANT = "grant-graph-permissions"
SYNC = "enable-course-activity-sync"
ASSIGN = "assign-app-roles"
PROVIDER = "01e8f81b-3060-4dec-acf0-0389665a0a38"
OTHER = "749c8786-99bb-4b3b-8d5d-586428f6aaa3"
BASH = shutil.which("bash") or ""
BY_ID = ("--principal-id", IDENTITY, "--yes")
TO_CALLERS = ("--principals", f"{LMS_CLIENT_ID}, {PERSON}", "--api-client-id", API_CLIENT_ID)
USAGE, FAILED = 2, 1
# What the other variant has no use for: how each signs in, and what each needs.
ONLY_IN_BASH = re.compile(
    r"needs a value|There is no option|Without a terminal|device codes|To sign in, open"
    r"|Azure CLI \(az\) was not found: install it\."
)
ONLY_IN_POWERSHELL = re.compile(r"Without a terminal|Microsoft\.Graph\.Authentication|blocked the sign-in\.$")

runs = pytest.mark.skipif(sys.platform == "win32" or not BASH, reason="Windows has the PowerShell scripts")
each = pytest.mark.parametrize("name", [GRANT, SYNC, ASSIGN])


@dataclass
class Bench:
    """One tenant, and a folder with all that a script may find."""

    tenant: Tenant
    cli: AzureCli

    def run(self, name: str, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a script in a folder of its own, and type an answer if it asks."""
        environ = {"PATH": f"{self.cli.folder}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        command = [BASH, str(INFRA / f"{name}.sh"), *arguments]
        return subprocess.run(
            command, cwd=self.cli.folder, env=environ, input=typed, check=False, capture_output=True, text=True
        )

    def granted(self) -> set[str]:
        """Return the ids of the roles that the script has granted."""
        return {assignment["appRoleId"] for _, _, assignment in self.tenant.written}

    def assigned(self) -> set[tuple[str, str]]:
        """Return who was given which role, by their ids."""
        return {(assignment["principalId"], assignment["appRoleId"]) for _, _, assignment in self.tenant.written}

    def azd_says(self, text: str, exit_code: int = 0) -> None:
        """Put an `azd` beside `az`."""
        path = self.cli.folder / "azd"
        path.write_text(f"#!/usr/bin/env bash\necho '{text}'\nexit {exit_code}\n", encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    tenant = Tenant(providers={PROVIDER: provider(PROVIDER, "Contoso LMS")})
    with azure_cli(tenant, tmp_path) as cli:
        bench = Bench(tenant, cli)
        bench.azd_says("no such environment", 1)
        yield bench


def provider(its_id: str, name: str, *, enabled: bool | None = False) -> dict[str, object]:
    return {"id": its_id, "displayName": name, "isCourseActivitySyncEnabled": enabled}


def script(name: str) -> str:
    return (INFRA / name).read_text(encoding="utf-8")


# --- grant-graph-permissions ---


@runs
def test_all_four_permissions_are_granted_and_a_second_run_changes_nothing(bench: Bench) -> None:
    first = bench.run(GRANT, *BY_ID)
    assert first.returncode == 0, first.stderr
    assert bench.granted() == set(ROLES.values())
    assert all(
        re.search(rf"missing +{role}.*granted +{role}", first.stdout, re.DOTALL) for role in map(re.escape, ROLES)
    )
    assert "up to 24 hours" in first.stdout
    second = bench.run(GRANT, *BY_ID)
    assert second.returncode == 0
    assert "nothing was changed" in second.stdout
    assert len(bench.tenant.written) == len(ROLES)


@runs
def test_only_what_is_missing_is_granted(bench: Bench) -> None:
    bench.tenant.granted = [ROLES["LearningAssignedCourse.Read.All"].upper()]
    assert bench.run(GRANT, *BY_ID).returncode == 0
    assert bench.granted() == set(ROLES.values()) - {ROLES["LearningAssignedCourse.Read.All"]}


@runs
@pytest.mark.parametrize(("kind", "word"), [("assignments", "Assigned"), ("self-initiated-courses", "SelfInitiated")])
def test_one_kind_of_activity_needs_two_permissions(bench: Bench, kind: str, word: str) -> None:
    assert bench.run(GRANT, *BY_ID, "--only", kind).returncode == 0
    assert bench.granted() == {its_id for role, its_id in ROLES.items() if word in role}


OPTIONAL = dict(zip(("people", "employee-ids", "courses"), OPTIONAL_ROLES.values(), strict=True))


@runs
@pytest.mark.parametrize(
    "kinds", [["people"], ["employee-ids"], ["courses"], ["courses", "people"], ["people", "employee-ids", "courses"]]
)
def test_what_not_everybody_needs_is_granted_only_on_request(bench: Bench, kinds: list[str]) -> None:
    done = bench.run(GRANT, *BY_ID, "--also", ",".join(kinds))
    assert done.returncode == 0, done.stderr
    assert bench.granted() == {*ROLES.values(), *(OPTIONAL[kind] for kind in kinds)}


@runs
def test_one_kind_of_activity_and_what_not_everybody_needs_go_together(bench: Bench) -> None:
    assert bench.run(GRANT, *BY_ID, "--only", "assignments", "--also", "people").returncode == 0
    assert len(bench.granted()) == 3
    assert OPTIONAL["people"] in bench.granted()


@runs
@pytest.mark.parametrize("kinds", ["everything", "people,", "people courses", "assignments"])
def test_what_nobody_knows_is_not_granted(bench: Bench, kinds: str) -> None:
    done = bench.run(GRANT, *BY_ID, "--also", kinds)
    assert done.returncode == USAGE
    assert "--also must be" in done.stderr
    assert bench.tenant.written == []


@runs
def test_a_dry_run_shows_what_is_missing_and_grants_nothing(bench: Bench) -> None:
    done = bench.run(GRANT, *BY_ID, "--dry-run")
    assert done.returncode == 0
    assert all(f"missing  {role}" in done.stdout for role in ROLES)
    assert "dry run" in done.stdout
    assert bench.tenant.written == []


@runs
@pytest.mark.parametrize(("typed", "granted"), [("y\n", 4), ("n\n", 0), ("\n", 0), ("", 0)])
def test_nothing_is_granted_that_nobody_agreed_to(bench: Bench, typed: str, granted: int) -> None:
    done = bench.run(GRANT, "--principal-id", IDENTITY, typed=typed)
    assert len(bench.tenant.written) == granted
    assert done.returncode == (0 if granted else FAILED)


@runs
def test_without_the_right_to_grant_it_says_who_may(bench: Bench) -> None:
    bench.tenant.may_grant = False
    done = bench.run(GRANT, *BY_ID)
    assert done.returncode == FAILED
    assert "Privileged Role Administrator" in done.stderr


@runs
def test_an_unknown_identity_may_be_a_client_id(bench: Bench) -> None:
    done = bench.run(GRANT, "--principal-id", OTHER, "--yes")
    assert done.returncode == FAILED
    assert "not the client ID" in done.stderr


@runs
def test_only_a_managed_identity_is_given_permissions(bench: Bench) -> None:
    bench.tenant.identity_type = "Application"
    done = bench.run(GRANT, *BY_ID)
    assert done.returncode == FAILED
    assert "is no managed identity" in done.stderr
    assert bench.tenant.written == []


@runs
def test_no_permission_is_granted_under_an_id_that_is_not_the_known_one(bench: Bench) -> None:
    bench.tenant.roles["LearningAssignedCourse.Read.All"] = OTHER
    done = bench.run(GRANT, *BY_ID)
    assert done.returncode == FAILED
    assert "does not offer LearningAssignedCourse.Read.All" in done.stderr
    assert bench.tenant.written == []


@runs
@pytest.mark.parametrize(("stale_reads", "code"), [(2, 0), (100, FAILED)])
def test_it_reads_back_until_graph_shows_what_it_took(bench: Bench, stale_reads: int, code: int) -> None:
    bench.tenant.stale_reads = stale_reads
    done = bench.run(GRANT, *BY_ID)
    assert done.returncode == code
    assert ("still missing" in done.stderr) == bool(code)


@runs
def test_the_identity_can_be_named_or_comes_from_azd(bench: Bench) -> None:
    named = bench.run(GRANT, "--resource-group", "rg-learning", "--identity", "id-learning", "--dry-run")
    assert f"id-learning ({IDENTITY})" in named.stdout
    without = bench.run(GRANT, "--dry-run")
    assert (without.returncode, without.stdout) == (USAGE, "")
    assert "azd provision" in without.stderr
    bench.azd_says(IDENTITY)
    assert f"id-learning ({IDENTITY})" in bench.run(GRANT, "--dry-run").stdout


# --- enable-course-activity-sync ---


@runs
def test_the_only_provider_is_turned_on_and_read_back(bench: Bench) -> None:
    bench.tenant.sign_in = ["authorization_pending", "slow_down", "authorization_pending"]
    bench.tenant.stale_reads = 2
    done = bench.run(SYNC, "--yes")
    assert done.returncode == 0, done.stderr
    path = f"/employeeExperience/learningProviders/{PROVIDER}"
    assert bench.tenant.written == [("PATCH", path, {"isCourseActivitySyncEnabled": True})]
    assert "FJQ2KL7TZ" in done.stdout
    assert f"{PROVIDER}  off  Contoso LMS" in done.stdout
    assert f"LEARNING_PROVIDER_ID={PROVIDER}" in done.stdout


@runs
def test_no_secret_is_shown_or_stands_in_the_list_of_processes(bench: Bench) -> None:
    bench.tenant.sign_in = ["authorization_pending"]
    done = bench.run(SYNC, "--yes")
    seen = [done.stdout, done.stderr, *(argument for call in bench.cli.calls for argument in call)]
    assert [text for text in seen if TOKEN in text or DEVICE_CODE in text] == []
    assert [path for path in bench.cli.folder.iterdir() if TOKEN in path.read_text(encoding="utf-8")] == []


@runs
def test_a_provider_that_is_on_stays_as_it_is(bench: Bench) -> None:
    bench.tenant.providers = {PROVIDER: provider(PROVIDER, "Contoso LMS", enabled=True)}
    done = bench.run(SYNC)
    assert done.returncode == 0
    assert "nothing was changed" in done.stdout
    assert f"LEARNING_PROVIDER_ID={PROVIDER}" in done.stdout
    assert bench.tenant.written == []


@runs
def test_of_several_providers_the_admin_chooses_one(bench: Bench) -> None:
    bench.tenant.providers[OTHER] = provider(OTHER, "Fabrikam", enabled=None)
    unsaid = bench.run(SYNC, "--yes")
    assert unsaid.returncode == USAGE
    assert "--provider" in unsaid.stderr
    assert "Fabrikam" in unsaid.stdout
    assert bench.tenant.written == []
    assert bench.run(SYNC, "--yes", "--provider", OTHER.upper()).returncode == 0
    assert [path for _, path, _ in bench.tenant.written] == [f"/employeeExperience/learningProviders/{OTHER}"]


@runs
def test_a_provider_that_is_not_there_is_not_looked_for_elsewhere(bench: Bench) -> None:
    unknown = bench.run(SYNC, "--yes", "--provider", OTHER)
    assert unknown.returncode == USAGE
    assert "There is no learning provider" in unknown.stderr
    bench.tenant.providers = {}
    none = bench.run(SYNC, "--yes")
    assert none.returncode == FAILED
    assert "Register one first" in none.stderr
    assert bench.tenant.written == []


@runs
def test_a_refusal_says_which_role_and_licence_it_takes(bench: Bench) -> None:
    bench.tenant.may_manage_providers = False
    done = bench.run(SYNC, "--yes")
    assert done.returncode == FAILED
    assert "Knowledge Administrator" in done.stderr


@runs
@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("authorization_declined", "declined"),
        ("expired_token", "in time"),
        ("AADSTS53003: blocked", "Conditional Access"),
        ("AADSTS65001: no consent", "consent"),
        ("something_else", "something_else"),
    ],
)
def test_a_sign_in_that_fails_says_why(bench: Bench, error: str, words: str) -> None:
    bench.tenant.sign_in = [error]
    done = bench.run(SYNC, "--yes")
    assert done.returncode == FAILED
    assert words in done.stderr


@runs
def test_a_change_that_graph_does_not_show_is_a_failure(bench: Bench) -> None:
    bench.tenant.stale_reads = 100
    done = bench.run(SYNC, "--yes")
    assert done.returncode == FAILED
    assert "still off" in done.stderr
    assert "LEARNING_PROVIDER_ID" not in done.stdout


@runs
@pytest.mark.parametrize(("options", "code"), [(["--dry-run"], 0), ([], FAILED)])
def test_nothing_is_changed_that_nobody_agreed_to(bench: Bench, options: list[str], code: int) -> None:
    assert bench.run(SYNC, *options, typed="no\n").returncode == code
    assert bench.tenant.written == []


@runs
def test_a_name_cannot_steer_the_terminal(bench: Bench) -> None:
    bench.tenant.providers = {PROVIDER: provider(PROVIDER, "Con\x1b[31mtoso\x07")}
    done = bench.run(SYNC, "--yes")
    assert "Con[31mtoso" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


# --- assign-app-roles ---


@runs
def test_every_role_is_assigned_to_each_by_client_id_or_object_id_and_a_second_run_changes_nothing(
    bench: Bench,
) -> None:
    first = bench.run(ASSIGN, *TO_CALLERS, "--yes")
    assert first.returncode == 0, first.stderr
    assert bench.assigned() == {(who, role) for who in (LMS, PERSON) for role in API_ROLES.values()}
    for name, role in ((name, role) for name in ("LMS", "Ada Lovelace") for role in API_ROLES):
        assert re.search(rf"missing +{role} to {name} .*assigned +{role} to {name} ", first.stdout, re.DOTALL)
    assert "up to 24 hours" in first.stdout
    second = bench.run(ASSIGN, *TO_CALLERS, "--yes")
    assert second.returncode == 0
    assert "nothing was changed" in second.stdout
    assert len(bench.tenant.written) == 4


@runs
def test_an_object_id_of_an_application_will_do_and_one_role_may_be_enough(bench: Bench) -> None:
    to_lms = ("--principals", LMS, "--api-client-id", API_CLIENT_ID)
    assert bench.run(ASSIGN, *to_lms, "--role", "Activities.Write", "--yes").returncode == 0
    assert bench.assigned() == {(LMS, API_ROLES["Activities.Write"])}


@runs
def test_only_what_is_missing_is_assigned(bench: Bench) -> None:
    bench.tenant.assigned = [(LMS, API_ROLES["Activities.Write"].upper()), (PERSON, API_ROLES["Failures.Manage"])]
    shown = bench.run(ASSIGN, *TO_CALLERS, "--dry-run")
    assert len(re.findall(r"^  missing ", shown.stdout, re.MULTILINE)) == 2
    assert "dry run" in shown.stdout
    assert bench.tenant.written == []
    assert bench.run(ASSIGN, *TO_CALLERS, "--yes").returncode == 0
    assert bench.assigned() == {(LMS, API_ROLES["Failures.Manage"]), (PERSON, API_ROLES["Activities.Write"])}


@runs
@pytest.mark.parametrize(("typed", "written"), [("y\n", 4), ("n\n", 0), ("", 0)])
def test_nothing_is_assigned_that_nobody_agreed_to(bench: Bench, typed: str, written: int) -> None:
    done = bench.run(ASSIGN, *TO_CALLERS, typed=typed)
    assert len(bench.tenant.written) == written
    assert done.returncode == (0 if written else FAILED)


@runs
def test_without_the_right_to_assign_it_says_who_may(bench: Bench) -> None:
    bench.tenant.may_grant = False
    done = bench.run(ASSIGN, *TO_CALLERS, "--yes")
    assert done.returncode == FAILED
    assert "Cloud Application Administrator" in done.stderr


@runs
def test_who_is_not_there_is_named_before_anything_is_assigned(bench: Bench) -> None:
    done = bench.run(ASSIGN, "--principals", f"{LMS},{OTHER}", "--api-client-id", API_CLIENT_ID, "--yes")
    assert done.returncode == FAILED
    assert f"with the ID {OTHER}" in done.stderr
    assert bench.tenant.written == []


@runs
def test_an_application_without_the_roles_was_provisioned_before_them(bench: Bench) -> None:
    del bench.tenant.api_roles["Failures.Manage"]
    done = bench.run(ASSIGN, *TO_CALLERS, "--yes")
    assert done.returncode == FAILED
    assert "no role Failures.Manage: run azd provision" in done.stderr
    assert bench.tenant.written == []


@runs
@pytest.mark.parametrize(("stale_reads", "code"), [(3, 0), (100, FAILED)])
def test_assignments_are_read_back_until_graph_shows_them(bench: Bench, stale_reads: int, code: int) -> None:
    bench.tenant.stale_reads = stale_reads
    done = bench.run(ASSIGN, *TO_CALLERS, "--yes")
    assert done.returncode == code
    assert ("still missing" in done.stderr) == bool(code)


@runs
def test_the_application_comes_from_azd_unless_it_is_named(bench: Bench) -> None:
    without = bench.run(ASSIGN, "--principals", LMS, "--dry-run")
    assert (without.returncode, without.stdout) == (USAGE, "")
    assert "azd provision" in without.stderr
    bench.azd_says(API_CLIENT_ID)
    assert f"application {API_CLIENT_ID}" in bench.run(ASSIGN, "--principals", LMS, "--dry-run").stdout
    unknown = bench.run(ASSIGN, "--principals", LMS, "--api-client-id", OTHER, "--dry-run")
    assert unknown.returncode == FAILED
    assert f"no application with the client ID {OTHER}" in unknown.stderr


def test_the_scripts_assign_the_roles_that_the_app_asks_for() -> None:
    for kind in ("sh", "ps1"):
        assert {role for role in Role if role in script(f"{ASSIGN}.{kind}")} == set(Role)


# --- all of them ---


@runs
@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        (GRANT, ["--principal-id", "$(touch broken)", "--only", "all", "--force"], ["GUID", "--only", "--force"]),
        (GRANT, ["--resource-group", "rg;touch broken", "--identity", "@secrets"], ["--resource-group", "--identity"]),
        (GRANT, ["--resource-group", "--debug", "--identity", "id"], ["--resource-group must", "--identity must"]),
        (GRANT, ["--principal-id", IDENTITY, "--identity", "id-learning"], ["either"]),
        (GRANT, ["--identity", "id-learning", "--only"], ["needs --resource-group", "--only needs a value"]),
        (GRANT, ["--principal-id", f"{IDENTITY}\nx"], ["GUID"]),
        (
            SYNC,
            ["--provider", "`touch broken`", "--tenant", "a/../b", "--client-id", "x"],
            ["--provider", "--tenant", "--client-id"],
        ),
        (SYNC, ["--tenant", "-x&client_id=1", "extra"], ["--tenant", "extra"]),
        (
            ASSIGN,
            ["--principals", f"{LMS},$(touch broken)", "--role", "Owner", "--api-client-id", "x", "--force"],
            ["--principals must be GUIDs", "--role must be", "--api-client-id must be", "--force"],
        ),
        (ASSIGN, ["--principals", f"{LMS}|/users", "--role"], ["--principals must be GUIDs", "--role needs a value"]),
        (ASSIGN, ["--principals", " , "], ["--principals must name"]),
        (ASSIGN, [], ["--principals must name"]),
    ],
)
def test_wrong_arguments_are_all_named_before_anything_is_asked(
    bench: Bench, name: str, arguments: list[str], said: list[str]
) -> None:
    done = bench.run(name, *arguments)
    assert done.returncode == USAGE
    assert [word for word in said if word not in done.stderr] == []
    assert bench.cli.calls == []
    assert not (bench.cli.folder / "broken").exists()


@runs
@each
def test_the_help_names_every_option(bench: Bench, name: str) -> None:
    done = bench.run(name, "--help")
    assert (done.returncode, bench.cli.calls) == (0, [])
    assert set(
        re.findall(r"--[a-z-]+(?=[ )|])", script(f"{name}.sh").partition("while [")[2].partition("\ndone")[0])
    ) <= set(re.findall(r"--[a-z-]+", done.stdout))


@runs
@each
def test_a_missing_azure_cli_is_one_of_the_problems(name: str, tmp_path: Path) -> None:
    command = [BASH, str(INFRA / f"{name}.sh")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, check=False, capture_output=True, text=True)
    assert done.returncode == USAGE
    assert "(az) was not found" in done.stderr


@each
def test_shellcheck_finds_nothing(name: str) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [str(shellcheck), "--severity=style", str(INFRA / f"{name}.sh")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == ""


@each
def test_the_scripts_run_with_the_bash_of_macos(name: str) -> None:
    """Which is 3.2 and knows none of these."""
    newer = r"\b(?:mapfile|readarray|coproc)\b|\bdeclare -[Ag]|\$\{\w+(?:,,|\^\^|@[A-Za-z])|\|&|&>>"
    assert re.findall(newer, script(f"{name}.sh")) == []


@each
def test_powershell_can_read_its_script(name: str) -> None:
    parser = Parser(Language(tree_sitter_powershell.language()))
    text = script(f"{name}.ps1")
    assert not parser.parse(text.encode()).root_node.has_error
    assert text.isascii()  # Windows PowerShell reads a file without a byte order mark in the machine's own encoding.
    assert "Set-StrictMode -Version 3\n$ErrorActionPreference = 'Stop'\n" in text
    # PowerShell 7 takes the question mark for a part of the name.
    assert re.findall(r"\$\w+\?", text) == []


@each
def test_a_dry_run_in_powershell_does_not_hide_what_az_complains_of(name: str) -> None:
    """Writing standard error into a file is one of the things that a dry run leaves out."""
    functions = re.split(r"^(?=function )", script(f"{name}.ps1"), flags=re.MULTILINE)
    writing = [one for one in functions if re.search(r"2>(?!\$null)", one)]
    assert bool(writing) is (name != SYNC)  # That one calls a module, and no program.
    assert [one for one in writing if "$WhatIfPreference = $false" not in one.partition("2>")[0]] == []


@each
def test_powershell_says_what_to_add_where_it_cannot_ask(name: str) -> None:
    """There it raises, in words of its own that say neither what was done nor what to do."""
    text = script(f"{name}.ps1")
    assert len(re.findall(r"\bShouldProcess\(", text)) == 1
    assert re.search(r"try \{[^\n]*ShouldProcess\([^\n]*\n *catch \{ Stop-Script [^\n]*add -Confirm:`\$false\.", text)


@runs
@pytest.mark.parametrize(("name", "arguments"), [(GRANT, BY_ID), (SYNC, ())])
def test_without_a_terminal_the_scripts_say_what_to_add(bench: Bench, name: str, arguments: tuple[str, ...]) -> None:
    asked = [one for one in arguments if one != "--yes"]
    done = bench.run(name, *asked)
    assert done.returncode == FAILED
    assert "Without a terminal, add --yes." in done.stderr
    assert bench.tenant.written == []


def sentences(text: str, placeholder: str) -> set[str]:
    """Return the sentences between quotation marks, with one mark for all that is filled in."""
    quoted = re.findall(r"\"((?:[^\"\n\\]|\\.)*)\"|'([^'\n]*)'", text)
    said = {re.sub(placeholder, "…", one or other).replace(" [y/N]", "") for one, other in quoted}
    return {one for one in said if re.search(r" .* .*[a-z)…][.:?]$|^(?:creates,?|finds|looks|sees) ", one)}


@each
def test_both_variants_say_the_same(name: str) -> None:
    bash, powershell = script(f"{name}.sh"), script(f"{name}.ps1").replace("`n  - ", "")
    options = re.sub(r"--([a-z]+(?:-[a-z]+)*)\b", lambda option: f"-{option[1].title().replace('-', '')}", bash)
    purposes = {row.split("|")[-1] for row in re.findall(r"^\S*\|.*$", bash.partition("usage()")[0], re.MULTILINE)}
    in_bash = sentences(options, r"\$\{?\w+\}?") | {one.strip("'") for one in purposes}
    in_powershell = sentences(powershell, r"\$\(\$[\w.]+\)|\$\{?\w+\}?")
    assert len(in_bash & in_powershell) > 8
    assert {one for one in in_bash - in_powershell if not ONLY_IN_BASH.search(one)} == set()
    assert {one for one in in_powershell - in_bash if not ONLY_IN_POWERSHELL.search(one)} == set()


@each
def test_both_variants_know_the_same_ids_addresses_and_permissions(name: str) -> None:
    known = r"[0-9a-f]{8}-[0-9a-f-]{27}|Learning\w+\.Read(?:Write)?(?:\.All)?|https://[\w./-]+[\w]|READ_?\w+ ?= ?\d+"
    bash, powershell = (
        {
            found.upper().replace("_", "").replace(" ", "")
            for found in re.findall(known, script(f"{name}.{kind}"), re.IGNORECASE)
        }
        for kind in ("sh", "ps1")
    )
    signing_in = {
        one for one in bash ^ powershell if "LOGIN" in one or "DEVICE-CODE" in one or "LEARNINGPROVIDER.READ" in one
    }
    assert bash ^ powershell == signing_in
    if name == GRANT:
        assert {one.upper() for one in (*ROLES, *ROLES.values())} <= bash
