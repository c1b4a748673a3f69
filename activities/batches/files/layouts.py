"""What each column of a file is for: by its heading, by what the sender says, and by whose export it is. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.batches import columns
from activities.batches.files import exports, headings
from activities.batches.files.exports import Export
from activities.batches.files.headings import NOT_USED
from activities.contract import made_by_machines, values
from activities.contract.kinds import ODATA_TYPE, TYPE
from activities.errors import Problem

_MOST_PROBLEMS = 20  # An answer is read by a person, and each suggestion costs time.
_EXAMPLE = "learnerUserId, learningContentId, status"
# As the file of failed rows names the columns of a file whose own headings say it only together.
_MEANING = re.compile(r"\((@?[A-Za-z.]+)\)\s*\Z")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a file are for.

    Args:
        headings: As they stand there, without blank ones at the end.
        names: What each is for, ``""`` for one that is not used.
        export: Whose export it is, if it is a known one.
        zones: Where a column says the time zone of a date, the date's property by that column.
        not_used: The columns with a heading that are not used, on purpose.
    """

    headings: tuple[str, ...]
    names: tuple[str, ...]
    export: Export | None = None
    zones: Mapping[int, str] | None = None
    not_used: tuple[int, ...] = ()


def known_headings(row: Sequence[str], chosen: Mapping[str, str]) -> int:
    """Return how many cells of a row are headings that mean something."""
    count = sum(1 for cell in row if cell and _name(cell, chosen) is not None)
    export = exports.recognised(list(row))
    return count + (len(export.signs) if export else 0)


def understand(
    row: Sequence[str], chosen: Mapping[str, str], problems: list[Problem], *, number: int, what: str
) -> Layout:
    """Return what the columns under a row of headings are for; add what is wrong with them.

    Args:
        row: The headings.
        chosen: What the sender says of columns, by the headings' keys.
        problems: What is wrong so far; what is wrong here is added.
        number: Which row of the file it is.
        what: What the file is called in a sentence.
    """
    said = [made_by_machines.trimmed(cell) for cell in row]
    while said and not said[-1]:
        said.pop()
    export = exports.recognised(said)
    if export is None and not known_headings(said, chosen):
        begin = values.shown(", ".join(filter(None, said)))
        holds = f'it begins with "{begin}"' if begin else "it is empty"
        message = f"Row {number} of the {what} must hold the names of the columns, such as {_EXAMPLE}; {holds}."
        problems.append(Problem("required", message))
        return Layout(tuple(said), ())
    _refuse_missing(said, chosen, problems)
    names = [_name(heading, chosen) if heading else NOT_USED for heading in said]
    zones: dict[int, str] = {}
    if export:
        names, zones = _of_export(export, said, chosen)
    _check(said, names, problems)
    not_used = [place for place, heading in enumerate(said) if heading and not names[place] and place not in zones]
    return Layout(tuple(said), tuple(name or NOT_USED for name in names), export, zones, tuple(not_used))


def told_alone(heading: str, name: str) -> str:
    """Return a heading so that it means the property in any file: with its name behind it, where that is needed."""
    shown = TYPE if name == ODATA_TYPE else name
    return heading if _name(heading, {}) == name else f"{heading} ({shown})"


def _name(heading: str, chosen: Mapping[str, str]) -> str | None:
    """Return the property that a heading means, ``""`` if it is meant not to be used, None if nobody knows it."""
    key = headings.key(heading)
    if key in chosen:
        return chosen[key]
    meaning = _MEANING.search(heading)
    for said in (key, headings.key(meaning[1]) if meaning else ""):
        if said in headings.KNOWN:
            name = headings.KNOWN[said]
            return ODATA_TYPE if name == TYPE else name
    return None


def _of_export(export: Export, said: list[str], chosen: Mapping[str, str]) -> tuple[list[str | None], dict[int, str]]:
    """Return what the columns of an export are for: each property once, every other column is not used."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, heading in enumerate(said):
        for one in dict.fromkeys(export.keys(heading)):
            places[one].append(place)
    names: list[str | None] = [NOT_USED] * len(said)
    for name, candidates in export.columns.items():
        found = [places[headings.key(one)][0] for one in candidates if headings.key(one) in places]
        if found:
            names[found[0]] = name
    own = {place: chosen[key] for place, key in enumerate(map(headings.key, said)) if key in chosen}
    names = [NOT_USED if name in own.values() else name for name in names]
    for place, heading in enumerate(said):
        if place in own:
            names[place] = own[place]
        elif not names[place] and (name := _beside(heading)) not in names:
            names[place] = name
    keys = {name: headings.key(one) for name, one in export.zone_columns.items()}
    return names, {places[key][0]: name for name, key in keys.items() if key in places}


def _beside(heading: str) -> str:
    """Return the property that somebody has added to an export by its own name, or what this app has added."""
    if heading == TYPE:
        return ODATA_TYPE
    return heading if heading in headings.PROPERTIES or heading in columns.OURS else NOT_USED


def _refuse_missing(said: list[str], chosen: Mapping[str, str], problems: list[Problem]) -> None:
    there = {headings.key(heading) for heading in said}
    for key, name in chosen.items():
        if key not in there:
            message = f'columns names a heading for "{name}" that the file does not have: correct it, or leave it out.'
            problems.append(Problem("invalid", message, "columns"))


def _check(said: list[str], names: list[str | None], problems: list[Problem]) -> None:
    first: dict[str, int] = {}
    wrong = [
        place
        for place, (heading, name) in enumerate(zip(said, names, strict=True))
        if heading and (name is None or (name and first.setdefault(name, place) != place))
    ]
    for place in wrong[:_MOST_PROBLEMS]:
        name = names[place]
        problems.append(columns.twice(name, first[name], place) if name else columns.unknown(said[place], place))
    if more := len(wrong[_MOST_PROBLEMS:]):
        problems.append(Problem("unknownProperty", f"{more} more columns are not known, or stand there twice."))
