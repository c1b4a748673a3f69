"""A large batch leaves room: what people and queues ask for meanwhile is done before it. Order is judged, not time."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.end_to_end import batch_stack
from tests.end_to_end.batch_stack import activities
from tests.end_to_end.queue_stack import QueueStack, assert_created_once, assignment, queue_stack, wait_until
from tests.end_to_end.stack import Json
from tests.support import plain_http

LARGE, SMALL = 1000, 20
PEOPLE = 5  # Who send the single ones, one after the other each.
GRAPH_SECONDS = 0.03


def test_what_is_sent_while_a_large_batch_runs_is_done_before_it_ends(tmp_path: Path) -> None:
    large, single, queued = activities(LARGE), activities(SMALL), [assignment() for _ in range(SMALL)]
    with queue_stack(tmp_path, latency_seconds=GRAPH_SECONDS) as stack, stack.host():
        accepted = batch_stack.post(stack, large)
        assert accepted.status_code == 202
        batch_id = accepted.json()["batchId"]
        wait_until(lambda: stack.events("chunkWorkedOff"), stack.tail)
        stack.send(*(json.dumps(one) for one in queued))
        with ThreadPoolExecutor(PEOPLE) as people:
            statuses = list(people.map(lambda one: _post_single(stack, one), single))
        assert statuses == [201] * SMALL
        batch_stack.wait_until_done(stack, batch_id)
        stack.wait_until_empty()
        assert_created_once(stack, [*large, *single, *queued])
        contents = [one["learningContentId"] for one in stack.created()]
        ends = {
            name: max(contents.index(one["learningContentId"]) for one in some)
            for name, some in (("single", single), ("queued", queued), ("large", large))
        }
        assert ends["large"] == len(contents) - 1, ends
    stack.assert_discreet()


def _post_single(stack: QueueStack, activity: Json) -> int:
    return plain_http.post(f"{stack.hosts[-1].url}/api/activities", json=activity, timeout=60).status_code
