"""Requests are read strictly, and told in one line why not."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.gateway.jsonl.request import Request, parse_request


def test_names_of_fields_are_matched_in_any_case_and_others_ignored() -> None:
    request = parse_request(b'{"Command":"store_file","FILE_NAME":"a","replicas":2,"colour":{"blue":[1.5,true]}}')
    assert (request.command, request.file_name, request.replicas) == ("store_file", "a", 2)
    assert request == Request(command="store_file", file_name="a", replicas=2)


def test_null_is_as_good_as_absent() -> None:
    assert parse_request(b'{"command":"ping","data":null,"file_size":null,"auth":null}') == Request(command="ping")


def test_escapes_are_what_they_stand_for() -> None:
    assert parse_request(b'{"file_name":"a\\/\\u00e9\\n"}').file_name == "a/é\n"


def test_data_is_taken_once_and_told_to_nobody() -> None:
    request = parse_request(b'{"command":"x","data":"QUJD","auth":"KEY:SECRET"}')
    assert "SECRET" not in repr(request)
    assert (request.take_data(), request.take_data()) == ("QUJD", "")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"{", "malformed JSON"),
        (b"{]", "malformed JSON"),
        (b"{'command':'ping'}", "malformed JSON"),
        (b'{"command":"ping",}', "malformed JSON"),
        (b'{"command":"pi\nng"}', "malformed JSON"),
        (b'{"command":"pi\\xng"}', "malformed JSON"),
        (b'{"command":"\xff"}', "not UTF-8 at byte 12"),
        (b'{"replicas":01}', "malformed JSON"),
        (b'{"replicas":+1}', "malformed JSON"),
        (b'{"x":NaN}', "NaN is not a number"),
        (b'{"x":[-Infinity]}', "-Infinity is not a number"),
        (b'{"x":' + b"9" * 5000 + b"}", "5,000 digits"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b"[]", "JSON object"),
        (b'{"a":1,"a":1}', "stands twice"),
        (b'{"x":{"a":1,"a":1}}', "stands twice"),
        (b'{"data":"","DATA":""}', "the field data stands twice"),
        (b'{"command":1}', "command must be a string"),
        (b'{"data":["QUJD"]}', "data must be a string"),
        (b'{"file_name":{}}', "file_name must be a string"),
        (b'{"auth":false}', "auth must be a string"),
        (b'{"replicas":"2"}', "replicas must be an integer"),
        (b'{"replicas":2.0}', "replicas must be an integer"),
        (b'{"replicas":true}', "replicas must be an integer"),
        (b'{"file_size":1e400}', "file_size must be an integer"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused(value: bytes, sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence):
        parse_request(value)
