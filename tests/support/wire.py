"""Microsoft Graph as far as a wire shows it: keeps what was sent, and answers what it is told to."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

GRAPH = "https://graph.microsoft.com/v1.0"
CREATED = {"id": "learner:activity", "status": "inProgress"}


class Wire(httpx.AsyncBaseTransport):
    """Answers or fails with ``reply``; without one, every request gets ``each``, alone or in its batch."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.reply: httpx.Response | Exception | None = None
        self.each = self.answer(201, CREATED)

    @staticmethod
    def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return an answer to one request; a body that is no text is JSON."""
        return {"status": status, "headers": dict(headers or {}), "body": body}

    @property
    def items(self) -> list[dict[str, Any]]:
        """The requests of the only batch."""
        (request,) = self.sent
        return items_of(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer. See httpx."""
        self.sent.append(request)
        if isinstance(self.reply, Exception):
            raise self.reply
        response = self.reply or self._each(request)
        response.request = request
        return response

    def _each(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/$batch"):
            return answered(*({"id": item["id"], **self.each} for item in items_of(request)))
        body = self.each["body"]
        content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        return httpx.Response(self.each["status"], headers=self.each["headers"], text=content)


def items_of(batch: httpx.Request) -> list[dict[str, Any]]:
    """Return the requests of a batch."""
    items: list[dict[str, Any]] = json.loads(batch.content)["requests"]
    return items


def answered(*responses: dict[str, Any]) -> httpx.Response:
    """Return the answer to a batch."""
    return httpx.Response(200, json={"responses": list(responses)}, headers={"request-id": "the-batch"})
