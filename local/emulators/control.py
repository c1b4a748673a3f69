"""What a test or a curious person may see and change in the emulator, under `/_emulator`.

GET PATCH DELETE  /_emulator/tenant      who is registered, licensed, permitted; DELETE: as at the start
GET POST  DELETE  /_emulator/faults      what goes wrong next (`faults`)
GET       DELETE  /_emulator/activities  what there is, with the exact JSON it was made from and that of each update
GET POST  DELETE  /_emulator/people      who is in the tenant; POST adds one or several
GET POST  DELETE  /_emulator/contents    the providers' learning contents; likewise
GET       DELETE  /_emulator/requests    what was called, and how often each operation; never a token

A `$batch` request is shown as one call, and each request in it as one of its own, after it, with `batched` true. So
`counts` says how often something was asked for, and the calls that are not `batched` are the HTTP requests.
"""

import json
from collections import Counter
from typing import Any

from local.emulators.course_catalogue import ContentError
from local.emulators.exchange import Request, Response, json_response
from local.emulators.fault_catalogue import READY_MADE
from local.emulators.faults import OPERATIONS, FaultError
from local.emulators.graph_emulator import Emulator
from local.emulators.people_emulator import PersonError
from local.emulators.tenant import Tenant, TenantError


class Control:
    """An emulator together with its `/_emulator` resources."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._resources = {
            "/_emulator/tenant": {"GET": self._tenant, "PATCH": self._patch_tenant, "DELETE": self._reset_tenant},
            "/_emulator/faults": {"GET": self._faults, "POST": self._arm, "DELETE": self._clear_faults},
            "/_emulator/activities": {"GET": self._activities, "DELETE": self._clear_activities},
            "/_emulator/people": {"GET": self._people, "POST": self._add_people, "DELETE": self._clear_people},
            "/_emulator/contents": {"GET": self._contents, "POST": self._add_contents, "DELETE": self._clear_contents},
            "/_emulator/requests": {"GET": self._requests, "DELETE": self._clear_requests},
        }

    def handle(self, request: Request) -> Response:
        """Answer one request, the emulator's or for what is known about it.

        The latter is answered with what there is afterwards, or 400 and a sentence that says what is wrong.
        """
        if not request.path.startswith("/_emulator/"):
            return self._emulator.handle(request)
        methods = self._resources.get(request.path)
        if methods is None:
            return _failure(404, f"There is no {request.path}. There are: {', '.join(self._resources)}.")
        if request.method not in methods:
            return _failure(405, f"{request.path} answers {', '.join(methods)}.")
        try:
            return json_response(200, methods[request.method](request))
        except (ContentError, FaultError, PersonError, TenantError) as error:
            return _failure(400, str(error))
        except ValueError:
            return _failure(400, "The body is not JSON.")

    def _tenant(self, _: Request) -> dict[str, Any]:
        return self._emulator.tenant.as_json()

    def _patch_tenant(self, request: Request) -> dict[str, Any]:
        self._emulator.tenant = self._emulator.tenant.patched(json.loads(request.body))
        return self._tenant(request)

    def _reset_tenant(self, request: Request) -> dict[str, Any]:
        self._emulator.tenant = Tenant()
        return self._tenant(request)

    def _faults(self, _: Request) -> dict[str, Any]:
        return {"names": list(READY_MADE), "armed": [fault.as_json() for fault in self._emulator.faults.armed]}

    def _arm(self, request: Request) -> dict[str, Any]:
        self._emulator.faults.arm(json.loads(request.body))
        return self._faults(request)

    def _clear_faults(self, request: Request) -> dict[str, Any]:
        self._emulator.faults.clear()
        return self._faults(request)

    def _activities(self, _: Request) -> dict[str, Any]:
        return {"activities": [activity.as_json() for activity in self._emulator.activities.stored]}

    def _clear_activities(self, request: Request) -> dict[str, Any]:
        self._emulator.activities.clear()
        return self._activities(request)

    def _people(self, _: Request) -> dict[str, Any]:
        return {"people": self._emulator.people.everybody}

    def _add_people(self, request: Request) -> dict[str, Any]:
        self._emulator.people.add(json.loads(request.body))
        return self._people(request)

    def _clear_people(self, request: Request) -> dict[str, Any]:
        self._emulator.people.clear()
        return self._people(request)

    def _contents(self, _: Request) -> dict[str, Any]:
        return {"contents": self._emulator.courses.contents}

    def _add_contents(self, request: Request) -> dict[str, Any]:
        self._emulator.courses.add(json.loads(request.body))
        return self._contents(request)

    def _clear_contents(self, request: Request) -> dict[str, Any]:
        self._emulator.courses.clear()
        return self._contents(request)

    def _requests(self, _: Request) -> dict[str, Any]:
        calls = self._emulator.calls
        counts = Counter(call.operation for call in calls)
        return {
            "counts": {operation: counts[operation] for operation in OPERATIONS},
            "requests": [call.as_json() for call in calls],
        }

    def _clear_requests(self, request: Request) -> dict[str, Any]:
        self._emulator.calls.clear()
        return self._requests(request)


def _failure(status: int, message: str) -> Response:
    return json_response(status, {"error": {"message": message}})
