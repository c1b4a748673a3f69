"""What a caller must show to be let in: one key for all functions, where the real host has a store of them."""

import hmac
from collections.abc import Mapping

from aiohttp import web


class FunctionKey:
    """A key, or None, which lets everybody in."""

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key else None

    def is_shown(self, request: web.BaseRequest, query: Mapping[str, str]) -> bool:
        """Say whether a request has the key, in its header or, without that, as `code` of its query."""
        code = next((value for name, value in query.items() if name.lower() == "code"), "")
        given = request.headers.get("x-functions-key", code)
        return self._key is None or hmac.compare_digest(given.encode(errors="surrogateescape"), self._key)
