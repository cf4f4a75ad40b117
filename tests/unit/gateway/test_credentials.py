"""`KEY:SECRET`, read strictly."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.core.trust.signing import Credential
from shoal.gateway.credentials import SECRET_CHARS_MAX, parse_credential


def test_a_key_and_its_secret_are_read_and_a_secret_may_have_colons() -> None:
    assert parse_credential("SHOAL1/a_b-c:s:e:c") == Credential("SHOAL1/a_b-c", b"s:e:c")


@pytest.mark.parametrize(
    "text",
    ["", ":", "KEY", "KEY:", ":secret", " KEY:secret", "KEY :secret", "KEY:sec ret", "KEY:secret\n", "KEY:s\xe9cret",
     "K\xc9Y:secret", "KEY:\0", "K" * 65 + ":secret", "KEY:" + "s" * (SECRET_CHARS_MAX + 1), "KEY:\ud800"],
)  # fmt: skip
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_credential(text)
    assert "secret\n" not in refusal.value.sentence
    assert "ssss" not in refusal.value.sentence
