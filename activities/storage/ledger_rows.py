"""The ledger's rows: what is remembered of an activity, as a row of Table Storage. Pure.

For good stay the hash of the external id, a keyed hash for each property that no update changes, among them the
learner's, by which an erasure finds the row, and the times. The properties ``Known0``, ``Known1``, … hold what names
people, and go when its time is over: Graph's id begins with the learner's, so it is personal, too.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from activities.contract.activity import ActivityRequest
from activities.contract.models import Json
from activities.execution.decisions import Known
from activities.execution.sameness import FIXED, KIND, canonical
from activities.storage.keys import learner_hash
from activities.storage.table_bytes import Entity, packed, unpacked

IN_PROGRESS, COMPLETED = "inProgress", "completed"
KNOWN, LEARNER_HASH = "Known", "LearnerHash"
_PERSONAL = re.compile(rf"{KNOWN}\d+")
_FIXED, _LEARNER = "Fixed", "learnerUserId"
# Rows that an earlier version wrote have no time: whatever comes is newer.
_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)


def key_of(request: ActivityRequest) -> tuple[str, str]:
    """Return partition and row: an external id may have any length and characters, a row key may not."""
    provider, external_id = request.key
    return provider, hashlib.sha256(external_id.encode(errors="surrogatepass")).hexdigest()


def completed(known: Known, key: bytes, *, before: Mapping[str, Any], now: datetime, most_properties: int) -> Entity:
    """Return the properties of an activity that nobody is at.

    Args:
        known: What there is to remember.
        key: The app's own, for the hashes.
        before: What stays for good, from the row as it was.
        now: When this is written.
        most_properties: How many of Table Storage's the state may fill; what fills more is not remembered.
    """
    state = packed(KNOWN, {"entity": known.entity, "createdAs": known.created_as}) if known.entity else {}
    if len(state) > most_properties:
        state = {}
    return {
        "State": COMPLETED,
        "ChangedAt": now,
        "AsOf": known.as_of,
        "Deleted": known.deleted,
        "Forgotten": not state,
        **(lasting(known.entity, key) if known.entity else before),
        **state,
    }


def lasting(entity: Json, key: bytes) -> Entity:
    """Return the properties of a row that stay for good: keyed hashes of what no update changes."""
    learner = entity.get(_LEARNER)
    return {LEARNER_HASH: learner_hash(learner, key) if learner else "", _FIXED: json.dumps(_hashes(entity, key))}


def lasting_in(row: Mapping[str, Any]) -> Entity:
    """Return those properties of a row."""
    return {name: row[name] for name in (LEARNER_HASH, _FIXED) if name in row}


def known_in(row: Mapping[str, Any], request: ActivityRequest, key: bytes) -> Known | None:
    """Return what a row remembers, or None where nothing had come to an end before."""
    if "Deleted" not in row:
        return _known_of_earlier_version(row)
    state = unpacked(KNOWN, row) or {}
    entity = state.get("entity")
    contradicted = () if entity else _contradicted(row, request, key)
    return Known(row["AsOf"], entity, state.get("createdAs", ""), row["Deleted"], contradicted)


def claimed(left: Known) -> Entity:
    """Return the properties that say what there may be of an activity if whoever is at it comes to no end."""
    return {"ClaimedAsOf": left.as_of, "ClaimedAs": left.created_as, "ClaimedToDelete": left.deleted}


def left_in(row: Mapping[str, Any]) -> Known:
    """Return what there may be of an activity that somebody was at."""
    as_of, created_as = row.get("ClaimedAsOf", _BEFORE), row.get("ClaimedAs", "")
    return Known(as_of, created_as=created_as, deleted=row.get("ClaimedToDelete", False))


def _hashes(entity: Json, key: bytes) -> dict[str, str]:
    return {
        name: hmac.digest(key, f"{name}:{canonical(name, entity[name])}".casefold().encode(), "sha256").hex()[:32]
        for name in (KIND, *FIXED)
        if name != _LEARNER and entity.get(name)
    }


def _contradicted(row: Mapping[str, Any], request: ActivityRequest, key: bytes) -> tuple[str, ...]:
    sent = request.activity.to_graph()
    kept, said = json.loads(row.get(_FIXED) or "{}"), _hashes(sent, key)
    differing = [name for name, value in said.items() if name in kept and not hmac.compare_digest(kept[name], value)]
    learner, known = sent.get(_LEARNER), row.get(LEARNER_HASH)
    if learner and known and not hmac.compare_digest(known, learner_hash(learner, key)):
        differing.append(_LEARNER)
    return tuple(differing)


def forgotten(row: Mapping[str, Any], *, now: datetime) -> Entity:
    """Return a row without what names people, be it of this version or of an earlier one."""
    if "Deleted" in row:
        kept = {name: value for name, value in row.items() if not _PERSONAL.fullmatch(name)}
        return {**kept, "Forgotten": True}
    kept = {name: row[name] for name in ("PartitionKey", "RowKey", "State", "Owner")}
    return {**kept, "AsOf": _BEFORE, "Deleted": False, "ChangedAt": now, "Forgotten": True}


def _known_of_earlier_version(row: Mapping[str, Any]) -> Known | None:
    return Known(_BEFORE, unpacked("Answer", row), row["ContentHash"]) if row["State"] == COMPLETED else None
