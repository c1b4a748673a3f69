"""Stand-ins for the messages between the Functions host and its Python worker.

The worker library never imports protobuf: it reads attributes of what it is given and builds its answers from the
module it is given as `protos`, which is this one. Names and fields are those of FunctionRpc.proto
(https://github.com/Azure/azure-functions-language-worker-protobuf). What HTTP, queue and timer functions do not need
is missing on purpose, cookies and retry policies among it: the worker then fails loudly with the name.
"""

from types import SimpleNamespace
from typing import ClassVar


class Message(SimpleNamespace):
    """A message is its fields."""


class TypedData(SimpleNamespace):
    """One value under the name of its kind: `TypedData(string="x")`; without any, nothing."""

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802, ARG002 - protobuf's name, and its only group.
        """Return the kind of the value."""
        return next(iter(vars(self)), None)


class ParameterBinding(SimpleNamespace):
    """A value for a parameter: fields `name` and `data`."""

    def WhichOneof(self, group: str) -> str:  # noqa: N802, ARG002 - protobuf's name, and its only group.
        """Return where the value is: always in the message itself, never in shared memory."""
        return "data"


class StatusResult(Message):
    """How a request ended: fields `status` and, when it failed, `exception`."""

    Failure: ClassVar[int] = 0
    Success: ClassVar[int] = 1


class BindingInfo(Message):
    """A binding: fields `type`, `data_type` and `direction`."""

    undefined: ClassVar[int] = 0
    out: ClassVar[int] = 1
    inout: ClassVar[int] = 2


class FunctionMetadataResponse(Message):
    """The functions of the app."""


class InvocationResponse(Message):
    """What a function returned."""


class RpcException(Message):
    """What a function raised: fields `message` and `stack_trace`."""


class RpcFunctionMetadata(Message):
    """A function: its `name`, `function_id` and `raw_bindings`, among others."""


class RpcHttp(Message):
    """An HTTP request, or the answer to it."""


class WorkerInitResponse(Message):
    """How the start of the worker went."""


class WorkerMetadata(Message):
    """Which worker it is."""
