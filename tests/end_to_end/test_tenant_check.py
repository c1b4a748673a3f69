"""The tenant check end to end: real host, worker library, identity library and storage, the emulated Graph."""

import time
from collections.abc import Iterator

import pytest

from activities.execution.tenant.assumptions import ASSUMPTIONS
from local.emulators.course_catalogue import READ_CONTENT
from local.emulators.people_emulator import READ_ALL, READ_BASIC
from local.emulators.tenant import LEARNING_CONTENT_ID, OTHER_LEARNING_PROVIDER_ID, Tenant
from local.environment import LEARNING_PROVIDER_ID
from tests.end_to_end.keyed_stack import KEY_HEADER, keyed_stack
from tests.end_to_end.queue_stack import QueueStack, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http
from tests.support.fakes import LEARNER_ID
from tests.support.tenant_checks import FOREIGN_CONTENT_ID, UNLICENSED_ID

BODY = {
    "learnerUserId": LEARNER_ID,
    "learningContentId": LEARNING_CONTENT_ID,
    "registrationId": LEARNING_PROVIDER_ID,
    "unlicensedLearnerUserId": UNLICENSED_ID,
    "foreignLearningContentId": FOREIGN_CONTENT_ID,
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, storage_ports: tuple[int, int, int]) -> Iterator[QueueStack]:
    with keyed_stack(tmp_path_factory.mktemp("tenant"), storage_ports) as stack:
        stack.change_tenant(
            roles=[*Tenant().roles, READ_BASIC, READ_ALL, READ_CONTENT],
            unlicensedLearners=[UNLICENSED_ID],
            contents={LEARNING_CONTENT_ID: LEARNING_PROVIDER_ID, FOREIGN_CONTENT_ID: OTHER_LEARNING_PROVIDER_ID},
        )
        yield stack
    # Whom it was made with stands in no log.
    stack.assert_discreet(LEARNER_ID, UNLICENSED_ID)


def url_of(stack: QueueStack, path: str = "") -> str:
    return f"{stack.hosts[-1].url}/api/tenant-check{path}"


def last(stack: QueueStack) -> tuple[int, Json]:
    response = plain_http.get(url_of(stack, "/last"), headers=KEY_HEADER)
    return response.status_code, response.json()


def test_what_it_does_needs_the_key_and_the_page_does_not(stack: QueueStack) -> None:
    page = plain_http.get(url_of(stack), headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert plain_http.post(url_of(stack), json=BODY).status_code == 401
    assert plain_http.get(url_of(stack, "/last")).status_code == 401


def test_it_is_ordered_followed_and_ends_within_a_minute_with_everything_as_assumed(stack: QueueStack) -> None:
    begun = time.monotonic()
    ordered = plain_http.post(url_of(stack), json=BODY, headers=KEY_HEADER)
    assert (ordered.status_code, ordered.headers["location"]) == (202, url_of(stack, "/last"))
    wait_until(lambda: last(stack)[0] == 200, stack.tail)
    print(f"a tenant check from the order to its result: {time.monotonic() - begun:.1f} s")
    _, result = last(stack)
    assert [one for one in result["checks"] if not one["holds"]] == []
    assert (len(result["checks"]), result["leftovers"], stack.activities()) == (len(ASSUMPTIONS), [], [])
    health = plain_http.get(f"{stack.hosts[-1].url}/api/health").json()
    assert health["tenantCheck"]["holding"] == len(ASSUMPTIONS)


def test_who_waits_is_answered_with_what_is_otherwise(stack: QueueStack) -> None:
    stack.change_tenant(world="findByExternalId-findById")
    answer = plain_http.post(f"{url_of(stack)}?wait=true", json=BODY, headers=KEY_HEADER, timeout=100)
    assert answer.status_code == 200
    failed = {one["name"] for one in answer.json()["checks"] if one["holds"] is False}
    assert (failed, stack.activities()) == ({"findByExternalId", "findById"}, [])
    stack.change_tenant(world="")
