import pytest

from shoal.base.errors import ManifestDamaged
from shoal.core.catalog import rows
from shoal.formats import keys
from shoal.model.catalog import Bucket
from support.catalog_bench import CatalogBench


def test_a_row_reads_as_it_was_written() -> None:
    bench = CatalogBench()
    bucket = Bucket("photos", created_ns=bench.clock.wall(), is_versioned=False)
    bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket("photos"), bucket))
    assert rows.BUCKET.find(bench.rows, keys.bucket("photos")) == bucket
    assert rows.BUCKET.find_many(bench.rows, [keys.bucket("none"), keys.bucket("photos")]) == [None, bucket]


@pytest.mark.parametrize("value", [b"", b"\xff\xff", b"\xc1", b"\x93\x01\x02\x03"])
def test_a_row_that_is_something_else_is_damage(value: bytes) -> None:
    with pytest.raises(ManifestDamaged, match="no Bucket"):
        rows.BUCKET.load(value)
