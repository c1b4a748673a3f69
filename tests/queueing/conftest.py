"""What the tests of the queue's worker share: a stage of its own for each, on which nothing waits for Graph."""

from collections.abc import Iterator

import pytest

from activities.execution import sending
from tests.support.queue_stage import Stage


@pytest.fixture(autouse=True, scope="module")
def _no_pauses() -> Iterator[None]:
    """What a bug left behind is looked up; the pauses before that are not the worker's, and have their own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "LOOK_UP_PAUSES_SECONDS", (0.0, 0.0))
        yield


@pytest.fixture
def stage() -> Stage:
    """Give a stage on which nothing has happened."""
    return Stage()
