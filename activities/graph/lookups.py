"""People and courses looked up in Microsoft Graph, as many at once as its batches and filters take.

Twenty records name at most forty people and twenty courses, and never cost more than three calls: addresses go into
filters of seven (a principal name and an e-mail address each) and courses into the same batch. Who is in no list is
looked for once more, by the key and among secondary addresses, in what is left of the three.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import batched, chain

from kiota_abstractions.request_information import RequestInformation

from activities import telemetry
from activities.errors import ActivityError, ErrorCode
from activities.execution.directory import Absence, Content, ContentList, Finding, Kind, Name
from activities.graph import permissions
from activities.graph.batching import LARGEST_BATCH
from activities.graph.contents import Contents, page_of
from activities.graph.people import MOST_CLAUSES, People
from activities.graph.questions import Hits, Question, answers_to, read, unclear
from activities.graph.sdk import Adapter, Answer

MOST_CALLS = 3
MOST_CONTENTS = 5_000
# Nobody documents how large a page is.
MOST_PAGES = 200

type Send = Callable[[str, Sequence[RequestInformation], float], Awaitable[Sequence[Answer | ActivityError]]]
type _Answer = Hits | Absence | ActivityError


class GraphDirectory:
    """Finds people and courses with the identity and the connections of whoever opens it.

    Args:
        adapter: Builds addresses.
        send: Sends up to twenty requests in one call, and returns whatever answers come.
    """

    def __init__(self, adapter: Adapter, send: Send) -> None:
        self._people = People(adapter)
        self._contents = Contents(adapter)
        self._trusted = f"{adapter.base_url}/"
        self._send = send

    async def find(self, names: Sequence[Name], *, timeout_seconds: float) -> list[Finding]:
        """Look names up. See ``Directory``."""
        by_kind = {kind: [name for name in names if name.kind is kind] for kind in Kind}
        questions = [
            *self._people.with_addresses(by_kind[Kind.ADDRESS]),
            *self._people.with_employee_ids(by_kind[Kind.EMPLOYEE_ID]),
            *map(self._contents.with_external_id, by_kind[Kind.CONTENT]),
        ]
        told = await self._ask(questions, timeout_seconds)
        found = {name: _finding(answers) for name, answers in told.items()}
        # A list that Graph refused for one of its names says nothing about the others.
        missing = [name for name in by_kind[Kind.ADDRESS] if found[name] is Absence.NOTHING or _is_refused(found[name])]
        calls_left = max(1, MOST_CALLS - _calls_for(questions))
        asked, not_asked = _fitting(missing, most_requests=calls_left * LARGEST_BATCH)
        told = await self._ask(
            [*map(self._people.with_principal_name, asked), *self._people.with_secondary_addresses(asked)],
            timeout_seconds,
        )
        found |= {name: _finding(answers) for name, answers in told.items()}
        found |= dict.fromkeys(not_asked, unclear("Too many names at once were in no list."))
        return [found[name] for name in names]

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> ContentList:
        """List a provider's contents, up to 5,000. See ``Directory``."""
        contents: dict[str, Content] = {}
        seen, next_page = {""}, ""
        try:
            async with asyncio.timeout(timeout_seconds):
                for _ in range(MOST_PAGES):
                    some, next_page = await self._page_of_contents(registration_id, next_page, timeout_seconds)
                    contents |= {content.id: content for content in some}
                    if not next_page:
                        break
                    # The token is for Graph alone, and a list that begins again has no end.
                    if next_page in seen or not next_page.startswith(self._trusted) or len(contents) >= MOST_CONTENTS:
                        break
                    seen.add(next_page)
        except TimeoutError as error:
            raise unclear("Microsoft Graph took too long to list the contents.") from error
        kept = tuple(contents.values())[:MOST_CONTENTS]
        return ContentList(kept, truncated=bool(next_page) or len(contents) > len(kept))

    async def _page_of_contents(
        self, registration_id: str, page: str, timeout_seconds: float
    ) -> tuple[list[Content], str]:
        information = _traceable(self._contents.all_of(registration_id, page=page))
        (answer,) = await self._send("listContents", [information], timeout_seconds)
        told = read(answer, page_of, permission=permissions.FIND_CONTENTS, now=datetime.now(UTC))
        if isinstance(told, ActivityError):
            raise told
        return told

    async def _ask(self, questions: Sequence[Question], timeout_seconds: float) -> Mapping[Name, list[_Answer]]:
        """Ask questions, up to twenty in one call, and return everything that was said about each name."""
        calls = batched(questions, LARGEST_BATCH, strict=False)
        answers = await asyncio.gather(
            *(self._send("lookUp", [_traceable(one.information) for one in some], timeout_seconds) for some in calls)
        )
        told: defaultdict[Name, list[_Answer]] = defaultdict(list)
        for question, answer in zip(questions, chain.from_iterable(answers), strict=True):
            for name, said in answers_to(question, answer, now=datetime.now(UTC)).items():
                told[name].append(said)
        return told


def _traceable(information: RequestInformation) -> RequestInformation:
    # Microsoft's support finds a request by it, and the app's log has it, too.
    information.headers.try_add("client-request-id", telemetry.invocation_id())
    return information


def _calls_for(questions: Sequence[Question]) -> int:
    return math.ceil(len(questions) / LARGEST_BATCH)


def _fitting(names: Sequence[Name], *, most_requests: int) -> tuple[Sequence[Name], Sequence[Name]]:
    """Divide names into those that can be asked for once more with so many requests, and the rest."""
    count = len(names)
    while count + math.ceil(count / MOST_CLAUSES) > most_requests:
        count -= 1
    return names[:count], names[count:]


def _finding(answers: Sequence[_Answer]) -> Finding:
    """Return what all answers about a name come to: two people are never a choice, one silence leaves it open."""
    ids: set[str] = set()
    for answer in answers:
        if isinstance(answer, Absence | ActivityError):
            return answer
        ids |= answer
    if len(ids) > 1:
        return Absence.SEVERAL
    return ids.pop() if ids else Absence.NOTHING


def _is_refused(finding: Finding) -> bool:
    return isinstance(finding, ActivityError) and finding.code is ErrorCode.REJECTED_BY_GRAPH
