"""Tries what the app assumes about updates and deletions."""

from activities.contract.activity import StoredActivity
from activities.contract.models import Json
from activities.errors import ActivityError, ErrorCode
from activities.execution.tenant import trial_bodies
from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.creations import Made
from activities.execution.tenant.findings import Finding
from activities.execution.tenant.specimens import PATIENCE_SECONDS, Specimens, Tried
from activities.execution.tenant.wording import Wording, is_refusal, unless_transient

_NO_CONTENT = 204


async def update(specimens: Specimens, made: Made, wording: Wording) -> list[Finding]:
    """Update an activity: as the app does, with null, and with what no update changes."""
    tried = await specimens.update(made.graph_id, trial_bodies.update(made.body, percentage=50))
    done = isinstance(tried.end, StoredActivity)
    nothing = done and (tried.answer is None or tried.answer.status == _NO_CONTENT)
    findings = [
        Finding(
            Name.UPDATE_ANSWERS_NOTHING, f"{wording.told(tried)}.", holds=unless_transient(tried.end, holds=nothing)
        )
    ]
    if not done:
        return findings
    emptied = trial_bodies.clearable(made.body)
    body = trial_bodies.update(made.body, percentage=60) | dict.fromkeys(emptied)
    tried, now = await _changed(specimens, made, body)
    kept = [name for name in emptied if now and now.get(name) is not None]
    words = f"Still there: {', '.join(kept)}." if kept else ""
    findings.append(_found_out(Name.NULL_CLEARS, tried, now, words, wording))
    tried, now = await _changed(specimens, made, trial_bodies.whole_update(made.body, percentage=70))
    applied = trial_bodies.fixed(made.body, now) if now else []
    words = f"Changed nevertheless: {', '.join(applied)}." if applied else ""
    return [*findings, _found_out(Name.FIXED_PROPERTIES_IGNORED, tried, now, words, wording)]


async def delete(specimens: Specimens, made: Made, wording: Wording) -> list[Finding]:
    """Delete an activity, look for it, and delete it again."""
    tried = await specimens.delete(made.graph_id)
    told = wording.told(tried)
    if isinstance(tried.end, ActivityError):
        return [Finding(Name.GONE_AT_ONCE, f"{told}.", holds=unless_transient(tried.end, holds=False))]
    found, after = await specimens.until(lambda: specimens.read(made.said, made.graph_id), lambda one: one is None)
    if isinstance(found, ActivityError):
        gone = Finding(Name.GONE_AT_ONCE, wording.discreet(found.message), holds=None)
    elif after is None:
        gone = Finding(Name.GONE_AT_ONCE, f"It was still found {PATIENCE_SECONDS:.0f} seconds later.", holds=False)
    else:
        late = f"{told}; it was found for about {after:.1f} seconds more."
        gone = Finding(
            Name.GONE_AT_ONCE, late if after else f"{told}; the first look found it no more.", holds=not after
        )
    again = await specimens.delete(made.graph_id)
    absent = isinstance(again.end, ActivityError) and again.end.code is ErrorCode.ACTIVITY_NOT_FOUND
    holds = unless_transient(again.end, holds=absent)
    return [gone, Finding(Name.DELETED_TWICE_NOT_FOUND, f"{wording.told(again)}.", holds=holds)]


async def _changed(specimens: Specimens, made: Made, body: Json) -> tuple[Tried, Json | None]:
    """Update an activity, and return what it is then; None if the update is not seen."""
    tried = await specimens.update(made.graph_id, body)
    if not isinstance(tried.end, StoredActivity):
        return tried, None
    wanted = body["completionPercentage"]
    found, after = await specimens.until(
        lambda: specimens.read(made.said, made.graph_id),
        lambda one: isinstance(one, StoredActivity) and one.entity.get("completionPercentage") == wanted,
    )
    return tried, found.entity if isinstance(found, StoredActivity) and after is not None else None


def _found_out(name: Name, tried: Tried, now: Json | None, against: str, wording: Wording) -> Finding:
    told = f"{wording.told(tried)}."
    if isinstance(tried.end, ActivityError):
        return Finding(name, told, holds=False if is_refusal(tried.end) else None)
    if now is None:
        return Finding(name, "The update was taken, but no look-up showed what became of it.", holds=None)
    return Finding(name, against or told, holds=not against)
