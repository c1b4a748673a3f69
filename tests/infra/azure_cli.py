"""A stand-in for the Azure CLI: `az rest` and `az identity show` against a small tenant, for the scripts in infra/.

The `az` on the path is a few lines of shell that pass its arguments to this process, because starting Python for each
call would take longer than the tests.
"""

import json
import re
import socketserver
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jmespath

type Json = dict[str, Any]

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
GRAPH_ID = "11111111-aaaa-4aaa-8aaa-000000000001"
IDENTITY = "22222222-bbbb-4bbb-8bbb-000000000002"
TOKEN = "eyJ0eXAiOiJKV1QifQ.eyJzZWNyZXQiOiJ5ZXMifQ.c2lnbmF0dXJl"
DEVICE_CODE = "DAQABAAEAAADsecret-device-code"
ROLES = {
    "LearningAssignedCourse.ReadWrite.All": "236c1cbd-1187-427f-b0f5-b1852454973b",
    "LearningSelfInitiatedCourse.ReadWrite.All": "7654ed61-8965-4025-846a-0856ec02b5b0",
    "LearningAssignedCourse.Read.All": "535e6066-2894-49ef-ab33-e2c6d064bb81",
    "LearningSelfInitiatedCourse.Read.All": "467524fc-ed22-4356-a910-af61191e3503",
}
OPTIONAL_ROLES = {
    "User.ReadBasic.All": "97235f07-e226-4f63-ace3-39588e11d3a1",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "LearningContent.Read.All": "8740813e-d8aa-4204-860e-2a0f8f84dbc8",
}
# The application that callers ask a token for, and who calls: an application by its client id, a person.
API_CLIENT_ID = "b0a1d7c2-5d1c-4c36-9d0b-6f0e3a8c7d21"
API_ID = "44444444-dddd-4ddd-8ddd-000000000004"
API_ROLES = {
    "Activities.Write": "55555555-eeee-4eee-8eee-000000000005",
    "Failures.Manage": "66666666-ffff-4fff-8fff-000000000006",
}
LMS_CLIENT_ID = "3f2c7a34-9a0e-4f0a-8f6e-2f4c1b7d9e10"
LMS = "77777777-aaaa-4aaa-8aaa-000000000007"
PERSON = "88888888-bbbb-4bbb-8bbb-000000000008"
CALLERS = {f"/servicePrincipals/{LMS}": "LMS", f"/users/{PERSON}": "Ada Lovelace"}
AZ = """#!/usr/bin/env bash
exec 3<>"/dev/tcp/127.0.0.1/{port}"
printf '%s\\0' "$#" "$@" >&3
case " $* " in *' @- '*) IFS= read -r -d '' said || true; printf '%s\\0' "$said" >&3 ;; esac
IFS= read -r -d '' code <&3; IFS= read -r -d '' out <&3; IFS= read -r -d '' err <&3
printf '%s' "$out"; printf '%s' "$err" >&2; exit "$code"
"""


@dataclass
class Tenant:
    """What the scripts see of a tenant, and the faults that they have to live with."""

    roles: dict[str, str] = field(default_factory=lambda: ROLES | OPTIONAL_ROLES)
    granted: list[str] = field(default_factory=list)
    api_roles: dict[str, str] = field(default_factory=lambda: dict(API_ROLES))
    # Of callers: who has which role.
    assigned: list[tuple[str, str]] = field(default_factory=list)
    identity_type: str = "ManagedIdentity"
    may_grant: bool = True
    # So many reads do not show what was written before.
    stale_reads: int = 0
    providers: dict[str, Json] = field(default_factory=dict)
    may_manage_providers: bool = True
    # What the token endpoint says before it gives a token: the errors of RFC 8628.
    sign_in: list[str] = field(default_factory=list)
    written: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, method: str, url: str, headers: dict[str, str], body: str) -> tuple[int, Json | None]:
        """Return the status and the answer of Entra or Graph."""
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/v1.0")
        if path.endswith(("/devicecode", "/token")):
            assert headers["Content-Type"] == "application/x-www-form-urlencoded"
            return self._login(path, {name: values[0] for name, values in parse_qs(body).items()})
        if path.startswith("/employeeExperience"):
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return _refused("InvalidAuthenticationToken", HTTPStatus.UNAUTHORIZED)
            return self._learning_providers(method, path, body)
        if method == "POST":
            return self._grant(path, json.loads(body))
        query = parse_qs(parts.query)
        found = self._callers(path, query.get("$filter", [""])[0])
        return (HTTPStatus.OK, found) if found else self._service_principals(path, query)

    def _login(self, path: str, form: dict[str, str]) -> tuple[int, Json]:
        if path.endswith("/devicecode"):
            assert form["scope"] == "https://graph.microsoft.com/LearningProvider.ReadWrite"
            uri = "https://microsoft.com/devicelogin"
            code = {"user_code": "FJQ2KL7TZ", "device_code": DEVICE_CODE, "verification_uri": uri, "interval": 5}
            return HTTPStatus.OK, code
        assert form["device_code"] == DEVICE_CODE
        if self.sign_in:
            return HTTPStatus.BAD_REQUEST, {"error": self.sign_in.pop(0)}
        return HTTPStatus.OK, {"token_type": "Bearer", "access_token": TOKEN}

    def _learning_providers(self, method: str, path: str, body: str) -> tuple[int, Json | None]:
        if not self.may_manage_providers:
            return _refused("Forbidden", HTTPStatus.FORBIDDEN)
        provider = path.removeprefix("/employeeExperience/learningProviders").lstrip("/")
        if not provider:
            return HTTPStatus.OK, {"value": list(self.providers.values())}
        if method == "PATCH":
            self.written.append((method, path, json.loads(body)))
            return HTTPStatus.NO_CONTENT, None
        seen = dict(self.providers[provider])
        if self.stale_reads:
            self.stale_reads -= 1
        else:
            for _, changed, change in self.written:
                seen |= change if changed == path else {}
        return HTTPStatus.OK, seen

    def _service_principals(self, path: str, query: dict[str, list[str]]) -> tuple[int, Json]:
        if path == "/servicePrincipals":
            assert query == {"$filter": [f"appId eq '{GRAPH_APP_ID}'"]}
            roles = [
                {"value": name, "id": its, "allowedMemberTypes": ["Application"]} for name, its in self.roles.items()
            ]
            # A delegated permission may have the same name, and other permissions have to be passed over.
            others = [{"value": "User.Read", "id": IDENTITY, "allowedMemberTypes": ["User"]}]
            return HTTPStatus.OK, {"value": [{"id": GRAPH_ID, "appRoles": others + roles}]}
        if path == f"/servicePrincipals/{IDENTITY}":
            return HTTPStatus.OK, {"servicePrincipalType": self.identity_type, "displayName": "id-learning"}
        if path == f"/servicePrincipals/{IDENTITY}/appRoleAssignments":
            granted = list(self.granted)
            if self.written and self.stale_reads:
                self.stale_reads -= 1
            else:
                granted += [assignment["appRoleId"] for _, _, assignment in self.written]
            others = [{"resourceId": IDENTITY, "appRoleId": its} for its in ROLES.values()]
            return HTTPStatus.OK, {"value": others + [{"resourceId": GRAPH_ID, "appRoleId": its} for its in granted]}
        return _refused("Request_ResourceNotFound", HTTPStatus.NOT_FOUND)

    def _callers(self, path: str, condition: str) -> Json | None:
        if path == "/servicePrincipals" and GRAPH_APP_ID not in condition:
            return {"value": self._with_client_id(condition)}
        principal = path.removesuffix("/appRoleAssignments")
        if principal not in CALLERS:
            return None
        its_id = principal.rpartition("/")[2]
        if principal == path:
            return {"id": its_id, "displayName": CALLERS[path]}
        return {"value": self._assignments(its_id)}

    def _with_client_id(self, condition: str) -> list[Json]:
        roles = [
            {"value": name, "id": its, "allowedMemberTypes": ["User", "Application"]}
            for name, its in self.api_roles.items()
        ]
        api = {"id": API_ID, "displayName": "Viva Learning activities", "appRoles": roles}
        lms: Json = {"id": LMS, "displayName": "LMS", "appRoles": []}
        known: dict[str, Json] = {API_CLIENT_ID: api, LMS_CLIENT_ID: lms}
        return [known[one] for one in re.findall(r"^appId eq '([0-9a-f-]+)'$", condition) if one in known]

    def _assignments(self, caller: str) -> list[Json]:
        written = [assignment for _, _, assignment in self.written]
        if self.written and self.stale_reads:
            self.stale_reads -= 1
            written = []
        assigned = [{"principalId": who, "resourceId": API_ID, "appRoleId": its} for who, its in self.assigned]
        others = [{"principalId": caller, "resourceId": GRAPH_ID, "appRoleId": its} for its in API_ROLES.values()]
        return [one for one in (*others, *assigned, *written) if one["principalId"] == caller]

    def _grant(self, path: str, assignment: Json) -> tuple[int, Json]:
        principal = path.removesuffix("/appRoleAssignments")
        assert principal in {f"/servicePrincipals/{IDENTITY}", *CALLERS}
        assert assignment["principalId"] == principal.rpartition("/")[2]
        assert assignment["resourceId"] == (API_ID if principal in CALLERS else GRAPH_ID)
        if not self.may_grant:
            return _refused("Authorization_RequestDenied", HTTPStatus.FORBIDDEN)
        self.written.append(("POST", path, assignment))
        return HTTPStatus.CREATED, assignment


def _refused(code: str, status: HTTPStatus) -> tuple[int, Json]:
    return status, {"error": {"code": code, "message": status.phrase}}


@dataclass
class AzureCli:
    """The stand-in: every call's arguments, in order, and the tenant that answers."""

    tenant: Tenant
    folder: Path
    calls: list[list[str]] = field(default_factory=list)

    def run(self, arguments: list[str], said: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of one call, as the real one's are."""
        self.calls.append(arguments)
        options: dict[str, str] = {}
        for name, value in zip(arguments, [*arguments[1:], ""], strict=True):
            if name.startswith("--"):
                options[name] = said if value == "@-" else value
        if arguments[:2] == ["identity", "show"]:
            known = (options["--resource-group"], options["--name"]) == ("rg-learning", "id-learning")
            return (
                (0, f"{IDENTITY}\n", "") if known else (3, "", "ERROR: (ResourceNotFound) The Resource was not found")
            )
        assert arguments[0] == "rest", arguments
        given = options.get("--headers", "{}")
        name, _, value = given.partition("=")
        headers = json.loads(given) if given.startswith("{") else {name: value}
        status, answer = self.tenant.answer(options["--method"], options["--url"], headers, options.get("--body", ""))
        if status >= HTTPStatus.BAD_REQUEST:
            return 1, "", f"ERROR: {HTTPStatus(status).phrase}({json.dumps(answer)})\n"
        if options.get("--output") == "none" or answer is None:
            return 0, "", ""
        assert options["--output"] == "tsv"
        return 0, _tab_separated(jmespath.search(options["--query"], answer)), ""


def _tab_separated(found: object) -> str:
    rows = found if isinstance(found, list) else [] if found is None else [found]
    return "".join("\t".join(str(one) for one in (row if isinstance(row, list) else [row])) + "\n" for row in rows)


class _Handler(socketserver.StreamRequestHandler):
    cli: AzureCli

    def handle(self) -> None:
        count = int(self._text())
        arguments = [self._text() for _ in range(count)]
        said = self._text() if "@-" in arguments else ""
        code, out, err = self.cli.run(arguments, said)
        self.wfile.write(f"{code}\0{out}\0{err}\0".encode())

    def _text(self) -> str:
        read = bytearray()
        while (byte := self.rfile.read(1)) != b"\0":
            assert byte, "the script ended in the middle of a call"
            read += byte
        return read.decode()


@contextmanager
def azure_cli(tenant: Tenant, folder: Path) -> Iterator[AzureCli]:
    """Put `az`, and a `sleep` that does not wait, into a folder, and answer until the end of the block."""
    cli = AzureCli(tenant, folder)
    handler = type("Handler", (_Handler,), {"cli": cli})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        answering = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        answering.start()
        try:
            _program(folder / "az", AZ.format(port=server.server_address[1]))
            _program(folder / "sleep", "#!/usr/bin/env bash\n")
            yield cli
        finally:
            server.shutdown()
            answering.join()


def _program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
