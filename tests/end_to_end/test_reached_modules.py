"""The list by which msgraph is packaged holds exactly what the app reaches."""

from pathlib import Path

import httpx
import pytest

from local.environment import app_environment
from package.reached import reached_modules, write_reached_modules
from tests.end_to_end.hosts import started_host
from tests.end_to_end.stack import Stack, own_example
from tests.support import plain_http


def test_the_list_of_packaged_modules_is_what_the_app_reaches(
    stack: Stack, storage_ports: tuple[int, int, int], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Every other host is held against the same list, so that nothing is missing; here it is seen that it is not long.

    With `--write-reached` (`make reached`) the list is written instead.
    """
    environment = app_environment(stack.graph_url, storage_ports=storage_ports)
    reached: set[str] = set()
    with started_host(env=environment, log=tmp_path / "host.log", reached=reached) as host:

        def post(route: str, body: object) -> httpx.Response:
            return plain_http.post(f"{host.url}/api/{route}", json=body, timeout=60)

        for kind in ("assignment.request", "self-initiated.request"):
            assert post("activities", own_example(kind)).status_code == 201
        stack.arm({"name": "disconnect-executed"})
        assert post("activities", own_example("assignment.request")).status_code == 201
        assert stack.graph_calls()[-2:] == ["create", "find"]
        known = own_example("assignment.request")
        graph_id = post("activities", known).json()["id"]
        named = f"{host.url}/api/activities?externalCourseActivityId={known['externalCourseActivityId']}"
        changed = {"id": graph_id, "completionPercentage": 30}
        assert plain_http.request("PATCH", f"{host.url}/api/activities", json=changed, timeout=60).status_code == 200
        assert plain_http.request("DELETE", named, timeout=60).status_code == 200
        assert stack.graph_calls()[-3:] == ["get", "update", "delete"]
        stack.arm({"name": "learner-not-licensed"})
        assert post("activities", own_example("assignment.request")).status_code == 422
        known = own_example("assignment.request")
        gone = {"externalCourseActivityId": known["externalCourseActivityId"], "operation": "delete"}
        several = {"activities": [known, own_example("self-initiated.request"), gone]}
        assert post("batches", several).status_code == 200
        # Without the permissions; what asks is there nevertheless.
        for names in (
            {"learnerUserId": "a@contoso.com"},
            {"learningContentExternalId": "A", "learningContentId": None},
        ):
            assert post("activities", own_example("assignment.request") | names).status_code == 424
        check = {name: known[name] for name in ("learnerUserId", "learningContentId")}
        assert post("tenant-check?wait=true", check).status_code == 200
    if pytestconfig.getoption("write_reached"):
        write_reached_modules(reached)
    assert reached == reached_modules(), "Has graph.py changed? `make reached` writes the list again."
