"""Tries what the app assumes about creates and about look-ups of what was created."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.contract.activity import StoredActivity
from activities.contract.models import Json
from activities.errors import ActivityError, ErrorCode, TransientError
from activities.execution.sameness import differences
from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.findings import Finding
from activities.execution.tenant.specimens import PATIENCE_SECONDS, Found, Specimens, Tried, external_id
from activities.execution.tenant.wording import Wording, is_refusal, unless_transient

_CREATED, _REFUSED = 201, 400
_EXTERNAL_ID = "externalCourseActivityId"
# About the identity or the provider: no record would do better.
_REFUSING_IDENTITY = frozenset(
    {
        ErrorCode.PROVIDER_NOT_ENABLED,
        ErrorCode.PROVIDER_NOT_REGISTERED,
        ErrorCode.SERVICE_PLAN_MISSING,
        ErrorCode.GRAPH_PERMISSION_MISSING,
    }
)


@dataclass(frozen=True, slots=True)
class Made:
    """An activity that there is: what was sent, Graph's id, and what the create answered, if anything."""

    body: Json
    graph_id: str
    entity: Json | None = None

    @property
    def said(self) -> str:
        """Its external id."""
        return str(self.body[_EXTERNAL_ID])


async def make(specimens: Specimens, body: Json) -> tuple[Made | None, Tried]:
    """Create one activity; where Graph did not say whether it did, look."""
    (tried,), _ = await specimens.create([body])
    if isinstance(tried.end, StoredActivity):
        return Made(body, tried.end.id, tried.end.entity), tried
    if not _may_be_done(tried):
        return None, tried
    said = str(body[_EXTERNAL_ID])
    found, _ = await specimens.until(lambda: specimens.find(said), lambda one: one is not None)
    if not isinstance(found, StoredActivity):
        return None, tried
    specimens.note(said, found.id)
    return Made(body, found.id), tried


async def looks(specimens: Specimens, made: Made, wording: Wording) -> list[Finding]:
    """Look a new activity up by either id, and see how soon it is there."""
    by_external_id, after = await specimens.until(lambda: specimens.find(made.said), lambda one: one is not None)
    by_id, then = await specimens.until(lambda: specimens.get(made.graph_id), lambda one: one is not None)
    findings = [
        _lookup(Name.FIND_BY_EXTERNAL_ID, by_external_id, wording),
        _lookup(Name.FIND_BY_ID, by_id, wording),
    ]
    delays = [seconds for found, seconds in ((by_external_id, after), (by_id, then)) if not _is_error(found)]
    if None in delays:
        words = f"A new activity was not seen within {PATIENCE_SECONDS:.0f} seconds."
        findings.append(Finding(Name.SEEN_AT_ONCE, words, holds=False))
    elif delays:
        seconds = sum(filter(None, delays))
        late = f"A new activity was seen after about {seconds:.1f} seconds."
        findings.append(Finding(Name.SEEN_AT_ONCE, late if seconds else "The first look saw it.", holds=not seconds))
    return findings


def tell_creates(tried: Sequence[Tried], wording: Wording) -> list[Finding]:
    """Tell what the first create of each kind says about the identity, and about the answer."""
    said = zip(("Assignment", "Self-initiated course"), tried, strict=True)
    words = " ".join(f"{kind}: {wording.told(one)}." for kind, one in said)
    taken = any(isinstance(one.end, StoredActivity) or _may_be_done(one) for one in tried)
    refused = any(isinstance(one.end, ActivityError) and one.end.code in _REFUSING_IDENTITY for one in tried)
    accepted = True if taken else (False if refused else None)
    whole = all(isinstance(one.end, StoredActivity) and _has_status(one, _CREATED) for one in tried)
    untold = any(_is_error(one.end) and not _may_be_done(one) for one in tried)
    return [
        Finding(Name.PROVIDER_ACCEPTS_IDENTITY, "A create was taken." if taken else words, holds=accepted),
        Finding(Name.CREATE_ANSWERS_ACTIVITY, words, holds=None if untold else whole),
    ]


def answered(made: Made) -> list[Finding]:
    """Compare what a create answered with what was sent."""
    if made.entity is None:
        return []
    spellings = [name for name in made.entity if name.casefold() == _EXTERNAL_ID.casefold()]
    differing = differences(made.body, made.entity)
    lacking = [name for name in differing if name not in made.entity]
    other = [name for name in differing if name in made.entity]
    told = (("Not given back", lacking), ("With another value", other))
    words = " ".join(f"{label}: {', '.join(names)}." for label, names in told if names)
    whole = f"All {len(made.body)} properties came back."
    spelled = f"It came back as: {', '.join(spellings) or 'not at all'}."
    return [
        Finding(Name.CREATE_RETURNS_PROPERTIES, words or whole, holds=not words),
        Finding(Name.EXTERNAL_ID_SPELLING, spelled, holds=spellings == [_EXTERNAL_ID]),
    ]


async def twice(specimens: Specimens, made: Made, wording: Wording) -> list[Finding]:
    """Create an activity with an external id that is taken."""
    (tried,), _ = await specimens.create([made.body])
    if isinstance(tried.end, StoredActivity):
        another = tried.end.id != made.graph_id
        words = "It made a second activity." if another else "It answered the activity that was there."
        return [Finding(Name.EXTERNAL_ID_TWICE, words, holds=another)]
    holds = False if is_refusal(tried.end) else None
    return [Finding(Name.EXTERNAL_ID_TWICE, f"{wording.told(tried)}.", holds=holds)]


async def together(specimens: Specimens, made: Sequence[Made], wording: Wording) -> list[Finding]:
    """Create two activities in one request."""
    two = [
        {**made[place % len(made)].body, _EXTERNAL_ID: external_id(specimens.run_id, 3 + place)} for place in range(2)
    ]
    _, seen = await specimens.create(two)
    whole = [one for one in seen if one.operation == "batch"]
    inside = [one for one in seen if one.in_batch]
    if not whole:
        return [Finding(Name.BATCH_ACCEPTED, "Microsoft Graph refused it within the last ten minutes.", holds=False)]
    refused = next((one for one in (*whole, *inside) if one.status >= _REFUSED), None)
    if refused is None:
        words = f"Two creates in one request: {', '.join(str(one.status) for one in inside)}."
        return [Finding(Name.BATCH_ACCEPTED, words, holds=len(inside) == len(two))]
    return [Finding(Name.BATCH_ACCEPTED, f"{wording.answer(refused)}.", holds=False)]


def _lookup(name: Name, found: Found, wording: Wording) -> Finding:
    match found:
        case StoredActivity():
            return Finding(name, "It was found.", holds=True)
        case None:
            return Finding(
                name, f"Nothing was found within {PATIENCE_SECONDS:.0f} seconds; nothing was refused.", holds=None
            )
    return Finding(name, wording.discreet(found.message), holds=unless_transient(found, holds=False))


def _is_error(end: Found) -> bool:
    return isinstance(end, ActivityError)


def _may_be_done(tried: Tried) -> bool:
    return isinstance(tried.end, TransientError) and tried.end.may_have_executed


def _has_status(tried: Tried, status: int) -> bool:
    """Tell whether Graph answered so; of a gateway that shows no statuses, it is believed."""
    return tried.answer is None or tried.answer.status == status
