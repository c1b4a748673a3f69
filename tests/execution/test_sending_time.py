"""However Graph fails: a flow gets its answer in time, and nothing is created twice. Every way through is walked."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from activities.errors import ErrorCode, TransientError
from activities.execution import sending
from activities.execution.decisions import creation
from activities.execution.sending import FOR_A_CALLER, Sender
from activities.graph import translation
from tests.support.fakes import FOR_EVER, FakeGraph, Fault, activity_request
from tests.support.world import outcomes

# A flow's HTTP action waits this long; the host and the network between need some of it.
# Source: https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config
FLOW_SECONDS = 120.0
SHARE_OF_HOST_AND_NETWORK = 20.0

HANGS = Fault(seconds=FOR_EVER)
DONE_BUT_HANGS = Fault(seconds=FOR_EVER, executed=True)
UNREACHABLE = Fault(translation.unreachable(), seconds=5.0)
# The slowest answers there are: they come at the very last moment before the caller gives up.
SLOWLY = 29.99
THROTTLED = Fault(TransientError(ErrorCode.THROTTLED, "later", retry_after_seconds=2.0), seconds=SLOWLY)
BROKEN = Fault(translation.unanswered(), executed=True, seconds=SLOWLY)
CREATES = (HANGS, DONE_BUT_HANGS, UNREACHABLE, THROTTLED, BROKEN)
# A look-up that tells the truth, one that fails, one that hangs.
FINDS = (Fault(seconds=4.99), Fault(translation.unanswered(), seconds=4.99), HANGS)


class Path:
    """One way through a tree of choices: the first ones are given, then always the first option."""

    def __init__(self, given: Sequence[int]) -> None:
        self._given = given
        self.taken: list[tuple[int, int]] = []

    def choose(self, options: tuple[Fault, ...]) -> Fault:
        """Return the option for the next fork."""
        depth = len(self.taken)
        choice = self._given[depth] if depth < len(self._given) else 0
        self.taken.append((choice, len(options)))
        return options[choice]

    def following(self) -> list[int] | None:
        """Return the choices of the next way, or None after the last one."""
        choices = list(self.taken)
        while choices:
            choice, count = choices.pop()
            if choice + 1 < count:
                return [earlier for earlier, _ in choices] + [choice + 1]
        return None


def every_path() -> Iterator[Path]:
    given: list[int] | None = []
    while given is not None:
        path = Path(given)
        yield path
        given = path.following()


def faults_on(path: Path) -> Callable[[str], Fault]:
    return lambda operation: path.choose(CREATES if operation == "create" else FINDS)


async def outcome_of(graph: FakeGraph) -> str:
    request = activity_request()
    ends = await Sender(graph=graph, effort=FOR_A_CALLER, clock=graph.time.clock).send(
        {0: (request, creation(request))}
    )
    return outcomes([ends[0]])[0]


@pytest.fixture
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR")  # Thousands of walks log tens of thousands of lines.


@pytest.mark.usefixtures("_quiet")
async def test_the_answer_always_comes_in_time_and_nothing_is_created_twice() -> None:
    longest = 0.0
    outcomes = Counter[str]()
    for path in every_path():
        graph = FakeGraph(choose_fault=faults_on(path))
        outcomes[await outcome_of(graph)] += 1
        longest = max(longest, graph.time.seconds)
        assert graph.calls.count("create") <= FOR_A_CALLER.sends
        assert len(graph.stored) <= 1, f"created twice: {graph.calls}"
    assert longest <= sending.TOTAL_SECONDS <= FLOW_SECONDS - SHARE_OF_HOST_AND_NETWORK
    # The walk met every end there is, so the bounds above bind every branch.
    assert outcomes.keys() == {"created", "graphUnavailable", "outcomeUnknown", "throttled"}
    assert longest > sending.TOTAL_SECONDS / 2


@pytest.mark.usefixtures("_quiet")
async def test_nothing_is_sent_again_before_a_look_up_said_absent() -> None:
    for path in every_path():
        graph = FakeGraph(choose_fault=faults_on(path))
        await outcome_of(graph)
        options = iter(path.taken)
        unsettled = False
        for call in graph.calls:
            choice, _ = next(options)
            if call == "create":
                assert not unsettled, f"sent again without a look-up: {graph.calls}"
                unsettled = CREATES[choice] in {HANGS, DONE_BUT_HANGS, BROKEN}
            else:
                unsettled = FINDS[choice].error is not None or FINDS[choice].seconds == FOR_EVER


@pytest.mark.usefixtures("_quiet")
async def test_every_send_leaves_time_to_look_up_what_became_of_it() -> None:
    """A send that is begun too late could end at the flow's time-out, with nobody left to tell."""
    graph = FakeGraph(choose_fault=lambda operation: HANGS if operation == "create" else FINDS[0])
    await outcome_of(graph)
    assert graph.calls[-2:] == ["find", "find"]
    assert graph.calls.count("create") > 1


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize("operation", ["create", "find"])
async def test_patience_with_graph_is_always_above_nothing(operation: str) -> None:
    """A time-out of nothing would give up before Graph was asked at all."""
    patience: list[float] = []

    class Watched(FakeGraph):
        def _end(self, fault: Fault, timeout_seconds: float) -> None:
            if self.calls[-1] == operation:
                patience.append(timeout_seconds)
            super()._end(fault, timeout_seconds)

    for path in every_path():
        await outcome_of(Watched(choose_fault=faults_on(path)))
    assert min(patience) >= 1.0
