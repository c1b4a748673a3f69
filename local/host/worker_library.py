"""Drive Microsoft's Python worker library without the Functions host's process around it.

It knows functions, bindings and messages, never sockets. One app per process: the library keeps the app's functions
in module globals.
"""

import json
import logging
import os
import secrets
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime  # type: ignore[import-untyped] # Microsoft ships it without types.

from local.host import protos
from local.host.loaded_modules import search_app_last

logger = logging.getLogger("local.worker")
_invocation: ContextVar[str | None] = ContextVar("invocation", default=None)
_running: set[str] = set()
_NO_RETRY = SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class AppLoadError(Exception):
    """The function app cannot be indexed: what Azure shows only as "0 functions found"."""


class InvocationError(Exception):
    """A function raised; the message holds its exception and stack."""


class OfRunningInvocations(logging.Filter):
    """Lets a line through unless its invocation is over: a task logs for the one that created it, however long it runs.

    Source: `ContextEnabledTask` in
    https://github.com/Azure/azure-functions-python-worker/blob/dev/workers/proxy_worker/dispatcher.py; the host drops
    what comes for an invocation that it does not know any more.
    """

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - The protocol's.
        """Say whether the real host would show a line that is logged at this moment."""
        invocation_id = _invocation.get()
        return invocation_id is None or invocation_id in _running


@contextmanager
def _is_running(invocation_id: str) -> Iterator[None]:
    token = _invocation.set(invocation_id)
    _running.add(invocation_id)
    try:
        yield
    finally:
        _running.remove(invocation_id)
        _invocation.reset(token)


@dataclass(frozen=True, slots=True)
class Trace:
    """Which trace an invocation continues, as the headers of W3C's Trace Context spell it."""

    parent: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the app, with its bindings as the host's function.json would spell them."""

    id: str
    name: str
    bindings: tuple[dict[str, Any], ...]

    @property
    def trigger(self) -> dict[str, Any]:
        """The binding that starts the function."""
        return next(binding for binding in self.bindings if binding["type"].lower().endswith("trigger"))


async def load_app(directory: Path) -> list[Function]:
    """Import and index `function_app.py` of a directory with the platform's search path, and go there afterwards.

    Raises:
        AppLoadError: with the worker's own message and stack.
    """
    search_app_last(directory)
    # The worker goes to the app's directory only after it has imported it.
    os.chdir(directory.anchor)
    runtime.start_threadpool_executor()
    init_request = SimpleNamespace(capabilities={}, function_app_directory=str(directory))
    init = await runtime.worker_init_request(
        SimpleNamespace(
            request=SimpleNamespace(worker_init_request=init_request),
            properties={"protos": protos, "host": "127.0.0.1"},
        )
    )
    if init.result.status != protos.StatusResult.Success:
        raise AppLoadError(f"{init.result.exception.message}\n{init.result.exception.stack_trace}".rstrip())
    os.chdir(directory)
    metadata = await runtime.functions_metadata_request(SimpleNamespace())
    if not metadata.function_metadata_results:
        raise AppLoadError(f"There is no function in {directory / 'function_app.py'}.")
    return [
        Function(
            id=function.function_id,
            name=function.name,
            bindings=tuple(json.loads(binding) for binding in function.raw_bindings),
        )
        for function in metadata.function_metadata_results
    ]


async def invoke(
    function: Function,
    data: protos.TypedData,
    *,
    invocation_id: str,
    trace: Trace | None = None,
    trigger_metadata: Mapping[str, protos.TypedData] | None = None,
) -> protos.TypedData | None:
    """Run a function on the data of its trigger and return what it returned.

    Args:
        function: what to run.
        data: what its trigger's parameter gets.
        invocation_id: as the function's context shows it.
        trace: of the caller; without it, the host starts one of its own.
        trigger_metadata: what the host knows of the event besides its data.

    Raises:
        InvocationError: it raised, or returned what its binding cannot carry.
    """
    trace = trace or Trace(parent=f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00")
    invocation = SimpleNamespace(
        invocation_id=invocation_id,
        function_id=function.id,
        input_data=[protos.ParameterBinding(name=function.trigger["name"], data=data)],
        trigger_metadata=dict(trigger_metadata or {}),
        trace_context=SimpleNamespace(trace_parent=trace.parent, trace_state=trace.state, attributes={}),
        retry_context=_NO_RETRY,
    )
    with _is_running(invocation_id):
        answer = await runtime.invocation_request(
            SimpleNamespace(request=SimpleNamespace(invocation_request=invocation), properties={})
        )
    if answer.result.status != protos.StatusResult.Success:
        raise InvocationError(f"{answer.result.exception.message}\n{answer.result.exception.stack_trace}".rstrip())
    returned: protos.TypedData | None = answer.return_value
    return returned


async def execute(
    function: Function, data: protos.TypedData, *, trigger_metadata: Mapping[str, protos.TypedData] | None = None
) -> bool:
    """Run a function for an event that nobody waits for, and say whether it returned; why not stands in the log."""
    invocation_id = str(uuid.uuid4())
    try:
        await invoke(function, data, invocation_id=invocation_id, trigger_metadata=trigger_metadata)
    except InvocationError as error:
        logger.error("Executed %r (Failed, Id=%s) %s", function.name, invocation_id, error)  # noqa: TRY400 - The message holds the app's stack; the host's own says nothing.
        return False
    return True
