"""Replies have their fields in order, and only those that say something."""

from shoal.gateway.jsonl.reply import Answer, Block, FileMetadata, ListedFile, answer_pieces, error_line


async def line(answer: Answer) -> bytes:
    return b"".join([piece async for piece in answer_pieces(answer)])


METADATA = FileMetadata("a<&>", 24, (Block("a-0", ":9001", 8),))


async def test_the_fields_stand_in_the_documented_order() -> None:
    assert await line(Answer()) == b'{"status":"ok"}\n'
    assert await line(Answer(metadata=METADATA, content=(b"AB", b"C"))) == (
        b'{"status":"ok","metadata":{"name":"a<&>","total_size":24,'
        b'"blocks":[{"id":"a-0","data_server":":9001","size":8}]},"data":"QUJD"}\n'
    )
    assert await line(Answer(files=(ListedFile("a", 1),), next_after="a")) == (
        b'{"status":"ok","files":[{"name":"a","total_size":1}],"next_after":"a"}\n'
    )


async def test_an_empty_file_has_empty_blocks_and_no_data() -> None:
    answer = Answer(metadata=FileMetadata("e", 0, ()), content=(b"",))
    assert await line(answer) == b'{"status":"ok","metadata":{"name":"e","total_size":0,"blocks":[]}}\n'


async def test_an_empty_list_is_a_list() -> None:
    assert await line(Answer(files=())) == b'{"status":"ok","files":[]}\n'


async def test_a_long_reply_comes_in_pieces_that_make_it_whole() -> None:
    files = tuple(ListedFile(f"{number:0100}", number) for number in range(2000))
    pieces = [piece async for piece in answer_pieces(Answer(files=files))]
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= 64 * 1024
    assert b"".join(pieces).count(b'"name"') == 2000


def test_an_error_is_one_line_of_bounded_length_whatever_it_repeats() -> None:
    assert error_line("file not found") == b'{"status":"error","error":"file not found"}\n'
    assert error_line("\ud800\n") == b'{"status":"error","error":"\\\\ud800\\n"}\n'
    assert len(error_line("x" * 10_000)) < 500
