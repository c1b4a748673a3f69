"""Every body of the corpus, by every way in that it can take: the record in it, or a refusal with its true cause."""

import pytest

from tests.senders.bodies import BODIES, RECORD, TEXT, Body
from tests.senders.test_values import HARMFUL
from tests.senders.values import Refused, note
from tests.support.ways_in import Way, in_batch, json_of, over_http


def assert_arrives(end: object) -> None:
    expected = {name: value for name, value in RECORD.items() if name != "type"} | {"notes": note("Prüfung, bitte")}
    assert isinstance(end, dict), end
    assert {name: value for name, value in end.items() if name in expected} == expected


@pytest.mark.parametrize(
    ("body", "way"), [pytest.param(body, way, id=f"{body}-{way.__name__}") for body in BODIES for way in body.ways]
)
async def test_a_body_is_opened_or_named_by_every_way_in(body: Body, way: Way) -> None:
    end = await way(body.sent)
    if not isinstance(body.end, Refused):
        assert_arrives(end)
        return
    assert isinstance(end, str), f"it was taken: {end}"
    assert body.end.cause in end
    assert body.end.advice in end
    assert not HARMFUL.search(end), end


@pytest.mark.parametrize("charset", ["windows-1252", "iso-8859-1", "ISO-8859-15", "utf-16le", "macintosh"])
async def test_a_sheet_is_read_in_the_charset_that_is_declared(charset: str) -> None:
    encoded = TEXT.encode({"iso-8859-1": "cp1252"}.get(charset, charset))
    assert_arrives(await in_batch(encoded, "text/csv", f"; charset={charset}"))


async def test_a_charset_that_is_wrong_does_no_harm() -> None:
    """Many programs declare Latin-1 whatever they send."""
    for charset in ("iso-8859-1", "rot13", "no-such-charset", "utf-8"):
        assert_arrives(await in_batch(TEXT.encode(), "text/csv", f"; charset={charset}"))


async def test_json_in_another_charset_is_read_if_it_is_declared() -> None:
    body = json_of(RECORD).decode().encode("cp1252")
    assert_arrives(await over_http(body, 'application/json; charset="windows-1252"'))
    assert "not text in UTF-8" in str(await over_http(body))
