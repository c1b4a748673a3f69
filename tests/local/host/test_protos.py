"""The stand-in messages behave as the worker library expects of the compiled ones."""

from azure_functions_runtime.bindings.datumdef import (  # type: ignore[import-untyped] # Microsoft ships it without types.
    Datum,
    datum_as_proto,
)

from local.host import protos


def test_a_value_says_which_kind_it_is() -> None:
    assert protos.TypedData(string="x").WhichOneof("data") == "string"
    assert protos.TypedData().WhichOneof("data") is None


def test_the_worker_reads_an_http_request_and_an_absent_body_is_empty() -> None:
    http = protos.RpcHttp(
        method="GET", url="http://x/", headers={"a": "b"}, params={"p": "1"}, query={"q": "2"}, body=protos.TypedData()
    )

    value = Datum.from_typed_data(protos.TypedData(http=http)).value

    assert (value["method"].value, value["url"].value, value["body"].value) == ("GET", "http://x/", b"")
    assert [value[name][key].value for name, key in (("headers", "a"), ("params", "p"), ("query", "q"))] == [
        "b",
        "1",
        "2",
    ]


def test_the_worker_writes_an_http_response() -> None:
    parts = {
        "status_code": Datum("201", "string"),
        "headers": {"a": Datum("b", "string")},
        "cookies": None,
        "body": Datum(b"x", "bytes"),
    }

    written = datum_as_proto(Datum(parts, "http"), protos)

    assert written.WhichOneof("data") == "http"
    assert (written.http.status_code, written.http.headers, written.http.body.bytes) == ("201", {"a": "b"}, b"x")


def test_a_parameter_is_always_in_the_message() -> None:
    assert protos.ParameterBinding(name="req", data=protos.TypedData()).WhichOneof("rpc_data") == "data"
