"""The page of the tenant check, for people: it holds nothing of the tenant; what it does needs the key or a sign-in."""

from collections.abc import Mapping

from activities.web.page import frame

_TITLE, _SCRIPT = "Check this tenant", "tenant_check.js"


def render(*, asks_for_key: bool) -> bytes:
    """Return the page; ``asks_for_key``: whether callers are let in by a function key."""
    parts = frame.templates("tenant_check.html")
    key = parts["key"].substitute() if asks_for_key else ""
    return frame.document(_TITLE, parts["form"].substitute(title=_TITLE, key=key, script=frame.text_of(_SCRIPT)))


def headers() -> Mapping[str, str]:
    """Return the headers of the page."""
    return frame.headers(_SCRIPT)
