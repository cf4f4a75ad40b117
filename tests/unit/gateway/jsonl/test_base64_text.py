"""Base64 in slices is base64."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument
from shoal.gateway.jsonl import base64_text
from shoal.gateway.jsonl.base64_text import decoded, encoded


async def in_base64(*parts: bytes) -> bytes:
    return b"".join([piece async for piece in encoded(parts)])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 196_607, 196_608, 196_609, 500_000])
async def test_what_is_encoded_is_decoded_again(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    text = base64.b64encode(content[:size]).decode()
    assert await in_base64(content[:size]) == text.encode()
    assert bytes(await decoded(text, bytes_max=size)) == content[:size]


@given(st.lists(st.binary(max_size=20), max_size=6))
async def test_parts_of_any_size_are_encoded_as_one(parts: list[bytes]) -> None:
    assert await in_base64(*parts) == base64.b64encode(b"".join(parts))


@pytest.mark.parametrize(
    "text",
    [
        "Q",
        "QQ",
        "QUI",
        "QQ=",
        "=",
        "====",
        "Q===",
        "QQ==QQ==",
        "QQ==\n",
        "QQ ==",
        "QQ-_",
        "QUJD\n",
        "$(x)",
        "QQéé",
        "\ud800QQQ",
    ],
)
async def test_what_is_not_strictly_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^invalid base64 data$"):
        await decoded(text, bytes_max=100)


async def test_padding_ends_the_text_also_at_the_end_of_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base64_text, "_SLICE_CHARS", 8)
    assert bytes(await decoded("QUJDREVGR0hJ", bytes_max=9)) == b"ABCDEFGHI"
    with pytest.raises(InvalidArgument):
        await decoded("QUJDREU=R0hJ", bytes_max=100)


async def test_what_is_too_much_is_refused() -> None:
    assert bytes(await decoded("QQ==", bytes_max=1)) == b"A"
    for text in ("QUI=", "QUJD", "QUJDREVG"):
        with pytest.raises(InvalidArgument, match="at most 1"):
            await decoded(text, bytes_max=1)
