"""The message types that the Functions host injects into Microsoft's worker library, as plain records.

In Azure they are protobuf classes and cross a gRPC connection; here nothing crosses anything, so records do.
"""

from types import SimpleNamespace
from typing import Any


class TypedData:
    """One value on its way to or from a function, under the name of its kind (`json`, `string`, `bytes`, `http`…)."""

    def __init__(self, **value: Any) -> None:
        ((self.kind, self.value),) = value.items()
        setattr(self, self.kind, self.value)

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Say which kind of value this is, as protobuf messages do."""
        return self.kind


class Record(SimpleNamespace):
    """Any other message: the fields it was made with, and None for every other one."""

    def __getattr__(self, _name: str) -> None:
        return None


class BindingInfo(Record):
    """A binding's direction and data type, by the numbers the protocol gives them."""

    inout, out, undefined = 2, 1, 0


class StatusResult(Record):
    """Whether the worker carried out the request."""

    Failure, Success = 0, 1


class SameSite:
    """What a cookie says about cross-site requests."""

    Lax, Strict, ExplicitNone = "Lax", "Strict", "None"


# The protocol has a member called None, which no class body can spell.
setattr(SameSite, "None", "")


class RpcHttpCookie(Record):
    """A cookie that a function sets."""

    SameSite = SameSite


class InputData(Record):
    """One argument of an invocation."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Say that the value travels in the message, never in shared memory."""
        return "data"


class Messages:
    """The module of message types that the worker library asks for."""

    TypedData = TypedData
    BindingInfo = BindingInfo
    StatusResult = StatusResult
    RpcHttpCookie = RpcHttpCookie
    FunctionMetadataResponse = Record
    InvocationResponse = Record
    NullableBool = Record
    NullableDouble = Record
    NullableString = Record
    NullableTimestamp = Record
    ParameterBinding = Record
    RpcException = Record
    RpcFunctionMetadata = Record
    RpcHttp = Record
    RpcRetryOptions = Record
    WorkerInitResponse = Record
    WorkerMetadata = Record
