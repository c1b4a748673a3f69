"""The app's HTTP functions behind their routes, as the real host treats an HTTP invocation, oddities included.

A wrong method is 404, a chunked body arrives empty, an empty query value is dropped, a body that is too large and an
answer that may have no body but has one are an empty 500, names decide which of two routes answers, and an answer comes
in chunks: what works here works there. It opens no port.
"""

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import HttpVersion11, web

from local.host.function_keys import FunctionKey
from local.host.protos import RpcHttp, TypedData
from local.host.route_table import Route, RouteTable
from local.host.worker_library import AppLoadError, Function, InvocationError, Trace, invoke
from local.serving import read_body

# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
BODY_LIMIT_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
BODY_LIMIT_BYTES = 104_857_600
# Kestrel fails where a body is written for them: https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1
_WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})

logger = logging.getLogger("local.http_functions")


class HttpFunctions:
    """Functions behind their routes.

    Args:
        functions: those with an HTTP trigger.
        prefix: the first part of every route.
        key: what a caller must show wherever the authorization level is not anonymous.
        body_limit_bytes: the most that a request's body may have.

    Raises:
        AppLoadError: a route uses what this host does not support.
    """

    def __init__(
        self, functions: list[Function], *, prefix: str, key: FunctionKey, body_limit_bytes: int = BODY_LIMIT_BYTES
    ) -> None:
        self._key = key
        self._body_limit_bytes = body_limit_bytes
        routes = []
        # The names decide which of two routes that match is tried first.
        for function in sorted(functions, key=lambda one: one.name.lower()):
            trigger = function.trigger
            template = "/".join(part for part in (prefix.strip("/"), trigger.get("route", function.name)) if part)
            methods = frozenset(method.upper() for method in trigger.get("methods") or ())
            routes.append(Route(template=template, methods=methods, target=function))
        try:
            self._routes = RouteTable(routes)
        except ValueError as error:
            raise AppLoadError(str(error)) from error
        self._open = {function.id for function in functions if _is_anonymous(function)}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request as the real host would."""
        path, _, query_string = request.raw_path.partition("?")
        found = self._routes.find(request.method, path)
        if found is None:
            is_landing_page = request.method == "GET" and path == "/"
            return web.Response(text="Your function app is up and running.") if is_landing_page else _empty(404)
        function, parameters = found
        query = parse_query(query_string)
        if function.id not in self._open and not self._key.is_shown(request, query):
            return _empty(401)
        length = request.content_length or 0
        if length > self._body_limit_bytes:
            # Found out inside the invocation, so the function does not run, and the caller is not told why.
            logger.error("Executed %r (Failed): Request body too large.", function.name)
            return _empty(500)
        body = await read_body(request) if length > 0 else b""
        http = RpcHttp(
            method=request.method,
            url=f"http://{request.host}{request.raw_path}",
            headers=join_headers(request),
            params=parameters,
            query=query,
            body=TypedData(bytes=body) if body else TypedData(),
        )
        answer = await self._invoke(function, http)
        if request.method == "HEAD":
            answer.body = None
        # Answers with a body have no Content-Length: whoever counts on one finds out here.
        elif answer.body and request.version >= HttpVersion11:
            answer.enable_chunked_encoding()
        return answer

    async def _invoke(self, function: Function, http: RpcHttp) -> web.Response:
        invocation_id = str(uuid.uuid4())
        headers = http.headers
        parent = headers.get("traceparent")
        try:
            returned = await invoke(
                function,
                TypedData(http=http),
                invocation_id=invocation_id,
                trace=Trace(parent, headers.get("tracestate", "")) if parent else None,
            )
            response = _to_response(returned)
        except InvocationError as error:
            logger.error("Executed %r (Failed, Id=%s) %s", function.name, invocation_id, error)  # noqa: TRY400 - The message holds the app's stack; the host's own says nothing.
            return _empty(500)
        if response.status in _WITHOUT_BODY and response.body:
            logger.error("Executed %r, but an answer of status %d has no body.", function.name, response.status)
            return _empty(500)
        return response


def body_limit(environ: Mapping[str, str]) -> int:
    """Return the most bytes that a request's body may have: what the setting says if it is a number."""
    try:
        return int(environ.get(BODY_LIMIT_SETTING, ""))
    except ValueError:
        return BODY_LIMIT_BYTES


def parse_query(query: str) -> dict[str, str]:
    """Return a query string's values by key: without empty ones, several of one key joined with a comma.

    Keys are the same in any case; the function gets the spelling that came first.
    """
    values: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for key, value in parse_qsl(query):
        key = spelled.setdefault(key.lower(), key)  # noqa: PLW2901 (the same key)
        values[key] = f"{values[key]},{value}" if key in values else value
    return values


def join_headers(request: web.BaseRequest) -> dict[str, str]:
    """Return a request's headers under lower-case names, several of one name joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _is_anonymous(function: Function) -> bool:
    return str(function.trigger.get("authLevel", "function")).lower() == "anonymous"


def _empty(status: int) -> web.Response:
    return web.Response(status=status)


def _to_response(returned: TypedData | None) -> web.Response:
    if returned is None:
        return _empty(204)
    if returned.WhichOneof("data") == "string":
        return web.Response(text=returned.string)
    http = returned.http
    return web.Response(status=int(http.status_code), headers=http.headers, body=http.body.bytes)
