"""What grows with a body is not done on the event loop, on which everybody else is answered."""

import json
import threading
from typing import Any

import pytest

from activities.app import App
from activities.contract import json_text
from activities.contract.models import Defaults
from activities.errors import PermanentError
from activities.health import Health
from activities.web import activities, batches, http
from tests.support.fakes import FakeGraph

GRAPH = FakeGraph()
APP = App(Defaults(), GRAPH, Health(GRAPH, None))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return in which threads JSON has been read."""
    seen: list[threading.Thread] = []
    decode = json_text.decode

    def watched(*args: Any, **more: Any) -> Any:
        seen.append(threading.current_thread())
        return decode(*args, **more)

    monkeypatch.setattr(json_text, "decode", watched)
    return seen


async def test_a_batch_is_read_beside_the_loop(threads: list[threading.Thread]) -> None:
    with pytest.raises(PermanentError):
        await batches.create_batch(APP, http.Request(b"[]"))
    assert threading.main_thread() not in threads
    assert len(threads) == 1


@pytest.mark.parametrize(("size", "on_the_loop"), [(1_000, [True]), (100_000, [False])])
async def test_an_activity_is_read_on_the_loop_only_where_that_is_quicker(
    threads: list[threading.Thread], size: int, on_the_loop: list[bool]
) -> None:
    with pytest.raises(PermanentError):
        await activities.create(None)(APP, http.Request(json.dumps({"notes": "x" * size}).encode()))
    assert [one is threading.main_thread() for one in threads] == on_the_loop
