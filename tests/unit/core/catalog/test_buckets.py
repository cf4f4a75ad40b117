"""Buckets exist or are not found."""

import pytest

from shoal.base.errors import NotFound
from shoal.core.catalog.buckets import load_bucket, read_bucket
from shoal.formats import keys
from support.catalog_bench import CatalogBench


def test_a_bucket_is_found_by_its_name() -> None:
    bench = CatalogBench()
    assert read_bucket(bench.rows, "default").name == "default"
    assert load_bucket(bench.rows.get(keys.bucket("default")), "default").is_versioned


def test_a_bucket_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="'nowhere'"):
        read_bucket(CatalogBench().rows, "nowhere")
