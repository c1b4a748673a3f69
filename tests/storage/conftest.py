"""What the tests of storage share: pauses between repetitions that nobody notices."""

from collections.abc import Iterator

import pytest

from activities.storage import outages


@pytest.fixture(autouse=True, scope="module")
def _short_pauses() -> Iterator[None]:
    """How long they are has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outages, "PAUSES_SECONDS", (0.01,) * len(outages.PAUSES_SECONDS))
        yield
