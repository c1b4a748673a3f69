"""Rules for the files of this repository that no other tool checks."""

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOYED = {"activities", "function_app.py", "host.json", "requirements.txt"}
NOT_IN_A_CHECKOUT = {".git", ".venv", "__pycache__", "dist", "node_modules"}
PINNED_IN = {
    "audit": ".ci/audit/requirements.txt",
    "dev": "requirements-dev.txt",
    "node": "local/stack/azurite/requirements.txt",
    "paconn": "tests/connector/paconn/requirements.txt",
}
REQUIREMENT = re.compile(r"[\w.-]+==[^\s;]+( ; .+?)?(\s+--hash=sha256:[0-9a-f]{64})+")


def repository_files() -> list[Path]:
    """List the files that are or may be committed, relative to the root; without git, all but what is never kept."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return [Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()]
    files: list[Path] = []
    for folder, folders, names in ROOT.walk():
        folders[:] = [name for name in folders if name not in NOT_IN_A_CHECKOUT]
        files += [folder.relative_to(ROOT) / name for name in names]
    return files


def normalised(name: str) -> str:
    """Spell a package name the way the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def package_names(requirements: list[str]) -> set[str]:
    """Take the package names from requirement lines."""
    return {normalised(match[0]) for line in requirements if (match := re.match(r"[A-Za-z0-9][\w.-]*", line))}


def pinned(path: str) -> dict[str, str]:
    """Read a compiled requirements file: normalised name to exact version."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return {normalised(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_no_file_names_a_package_registry_so_each_machine_uses_its_own() -> None:
    # The words are put together here, so that this file does not contain them.
    hosts = [
        ".".join(parts).encode()
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("yarnpkg", "com"),
            ("deb", "debian", "org"),
        )
    ]
    offenders = [
        f"{path}: {host.decode()}"
        for path in repository_files()
        for host in hosts
        if host in (ROOT / path).read_bytes().lower()
    ]
    assert offenders == []


def test_lock_files_record_no_download_address() -> None:
    locks = [path for path in repository_files() if path.name in {"package-lock.json", "npm-shrinkwrap.json"}]
    assert locks
    assert [str(path) for path in locks if '"resolved"' in (ROOT / path).read_text(encoding="utf-8")] == []


def unpinned(text: str) -> list[str]:
    """Return what is more, or less, than exact versions with the hashes of their files."""
    lines = "\n".join(line for line in text.splitlines() if line and not line.lstrip().startswith("#"))
    requirements = lines.replace("\\\n", "").splitlines()
    return [line for line in requirements if not REQUIREMENT.fullmatch(line)]


@pytest.mark.parametrize("path", ["requirements.txt", *PINNED_IN.values()])
def test_requirements_files_hold_exact_pins_with_hashes_and_no_option(path: str) -> None:
    """With hashes pip wants one for everything, in Azure's own build, too; an option could name a registry."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert "==" in text
    assert unpinned(text) == []


@pytest.mark.parametrize("line", ["a==1", "a>=1 --hash=sha256:" + "0" * 64, "--index-url https://example.com", "a"])
def test_a_requirement_without_a_version_or_a_hash_is_found(line: str) -> None:
    good = "a==1 \\\n    --hash=sha256:" + "0" * 64
    assert unpinned(f"{good}\n    # via b\n{line}\n") == [line]


def test_everything_that_installs_requirements_asks_for_their_hashes() -> None:
    """And nothing is run that no file pins, as `uvx` and `uv tool run` would."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installing = [line for line in makefile.splitlines() if re.search(r"-m (uv )?pip install", line)]
    assert len(installing) == 2
    assert [line for line in installing if "--require-hashes" not in line] == []
    assert '"--require-hashes"' in (ROOT / "package" / "wheels.py").read_text(encoding="utf-8")
    commands = [ROOT / "Makefile", ROOT / ".ci" / "run", *(ROOT / ".github" / "workflows").iterdir()]
    unpinned_tools = re.compile(
        r"\buv tool|\buvx\b|\bpipx\b|\bnpx\b|\bnpm install(?! --package-lock-only)|(?<!uv )\bpip install [^-]"
    )
    assert [path.name for path in commands if unpinned_tools.search(path.read_text(encoding="utf-8"))] == []


def test_every_dependency_is_pinned_in_requirements(pyproject: dict[str, Any]) -> None:
    assert package_names(pyproject["project"]["dependencies"]) - pinned("requirements.txt").keys() == set()


def test_every_dependency_group_is_pinned_in_its_own_file(pyproject: dict[str, Any]) -> None:
    groups = pyproject["dependency-groups"]
    assert groups.keys() == PINNED_IN.keys()
    for group, path in PINNED_IN.items():
        assert package_names(groups[group]) - pinned(path).keys() == set()


def test_development_pins_agree_with_the_deployed_ones() -> None:
    deployed, development = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert {name for name in deployed.keys() & development.keys() if deployed[name] != development[name]} == set()


def test_deployed_requirements_hold_neither_the_platforms_worker_nor_a_development_tool(
    pyproject: dict[str, Any],
) -> None:
    groups = pyproject["dependency-groups"]
    # msgraph-sdk requires httpx, although nothing deployed imports it.
    tools = package_names([*groups["dev"], *groups["node"]]) - {"httpx"}
    assert pinned("requirements.txt").keys() & (tools | {"azure-functions-worker"}) == set()


def test_the_worker_library_that_is_deployed_is_the_one_that_runs_the_tests() -> None:
    """Without a pin the platform runs a version of its own, which nothing here has seen.

    Source: https://learn.microsoft.com/azure/azure-functions/python-313-changes
    """
    for name in ("azure-functions-runtime", "azure-functions"):
        assert pinned("requirements.txt")[name] == importlib.metadata.version(name)


def test_only_the_function_app_is_deployed() -> None:
    lines = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    top_level = {path.parts[0] for path in repository_files()} | {"tests", "local", "bench", "local.settings.json"}
    kept_out = {name for name in top_level if any(fnmatch(name, pattern) for pattern in patterns)}
    assert top_level - kept_out - DEPLOYED == set()
    assert {name for name in DEPLOYED if any(fnmatch(name, pattern) for pattern in patterns)} == set()


def test_the_python_version_file_agrees_with_the_project(pyproject: dict[str, Any]) -> None:
    version = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    major, minor = (int(part) for part in version.split("."))
    assert pyproject["project"]["requires-python"] == f">={version},<{major}.{minor + 1}"
    assert pyproject["tool"]["mypy"]["python_version"] == version
