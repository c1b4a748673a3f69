"""The app's HTTP functions behind their routes, as the real host treats an HTTP invocation, oddities included.

A wrong method is 404, a chunked body arrives empty, an empty query value is dropped: what works here works there.
It opens no port.
"""

import logging
import uuid
from urllib.parse import parse_qsl

from aiohttp import web

from local.function_keys import FunctionKey
from local.protos import RpcHttp, TypedData
from local.routes import Route, RouteTable
from local.serving import read_body
from local.worker import AppLoadError, Function, InvocationError, Trace, invoke

# https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits
BODY_LIMIT_BYTES = 104_857_600

logger = logging.getLogger("local.http_functions")


class HttpFunctions:
    """Functions behind their routes.

    Args:
        functions: those with an HTTP trigger.
        prefix: the first part of every route.
        key: what a caller must show wherever the authorization level is not anonymous.

    Raises:
        AppLoadError: a route uses what this host does not support.
    """

    def __init__(self, functions: list[Function], *, prefix: str, key: FunctionKey) -> None:
        self._key = key
        routes = []
        for function in functions:
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
        if length > BODY_LIMIT_BYTES:
            return _empty(413)
        body = await read_body(request) if length > 0 else b""
        http = RpcHttp(
            method=request.method,
            url=f"http://{request.host}{request.raw_path}",
            headers=join_headers(request),
            params=parameters,
            query=query,
            body=TypedData(bytes=body) if body else TypedData(),
        )
        return await self._invoke(function, http)

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
            return _to_response(returned)
        except InvocationError as error:
            logger.error("Executed %r (Failed, Id=%s) %s", function.name, invocation_id, error)  # noqa: TRY400 - The message holds the app's stack; the host's own says nothing.
            return _empty(500)


def parse_query(query: str) -> dict[str, str]:
    """Return a query string's values by key: without empty ones, several of one key joined with a comma."""
    values: dict[str, str] = {}
    for key, value in parse_qsl(query):
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
