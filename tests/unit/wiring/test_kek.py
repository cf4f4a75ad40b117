"""The key-encryption key at the start of a coordinator: made once, needed ever after."""

import stat
from pathlib import Path

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import Address
from shoal.core.trust.signing import Credential
from shoal.engine.connection import DatabasePlace
from shoal.engine.database import open_database
from shoal.formats import keys
from shoal.model.access_keys import Scope
from shoal.model.messages.keys import CreateKey, KeyInfo, ListKeys, RevokeKey
from shoal.wiring.cluster_files import CREDENTIALS, KEK, KEK_BYTES, found_kek, read_credential
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.coordinator import CATALOG, CoordinatorProcess, running_coordinator
from shoal.wiring.env import RealSecrets
from support.engines import QuietLog

ANY = Address("127.0.0.1:0")
READ = CreateKey(name="reader", scope=Scope.READ)


async def start_and_stop(data: Path) -> None:
    async with running_coordinator(CoordinatorProcess(data, ANY), QuietLog()):
        pass


async def refused(data: Path) -> str:
    with pytest.raises((AccessDenied, InvalidArgument)) as told:
        await running_coordinator(CoordinatorProcess(data, ANY), QuietLog()).__aenter__()
    return told.value.sentence


async def listed(data: Path) -> dict[str, KeyInfo]:
    async with open_client(find_cluster(data=data), log=QuietLog()) as client:
        return {info.key_id: info for info in (await client.list_keys(ListKeys())).keys}


async def test_the_first_start_makes_a_key_that_later_ones_keep(tmp_path: Path) -> None:
    await start_and_stop(tmp_path)
    kek = (tmp_path / KEK).read_bytes()
    assert len(kek) == KEK_BYTES
    assert len(set(kek)) > 8
    assert stat.S_IMODE((tmp_path / KEK).stat().st_mode) == 0o600
    await start_and_stop(tmp_path)
    assert (tmp_path / KEK).read_bytes() == kek


async def test_without_its_key_a_catalog_is_not_opened_and_no_other_is_made(tmp_path: Path) -> None:
    await start_and_stop(tmp_path)
    kek = (tmp_path / KEK).read_bytes()
    (tmp_path / KEK).unlink()
    assert await refused(tmp_path) == (
        f"{tmp_path / KEK} is missing: the secrets of the access keys in the catalog are sealed under it; restore it"
    )
    assert not (tmp_path / KEK).exists()
    (tmp_path / KEK).write_bytes(kek)
    await start_and_stop(tmp_path)


async def test_under_another_key_a_catalog_is_not_opened_nor_changed(tmp_path: Path) -> None:
    await start_and_stop(tmp_path)
    kek = (tmp_path / KEK).read_bytes()
    (tmp_path / KEK).write_bytes(bytes(KEK_BYTES))
    (tmp_path / CREDENTIALS).unlink()
    for _ in range(2):
        assert "the key-encryption key is not the one" in await refused(tmp_path)
    (tmp_path / KEK).write_bytes(kek)
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()):
        assert len(await listed(tmp_path)) == 2


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, b"00" * 32])
async def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEK).write_bytes(content)
    assert f"has {len(content)} bytes, not 32" in await refused(tmp_path)


def test_a_missing_key_is_made_only_while_nothing_is_sealed(tmp_path: Path) -> None:
    with pytest.raises(AccessDenied, match="is missing"):
        found_kek(tmp_path, RealSecrets(), is_sealed=True)
    assert list(tmp_path.iterdir()) == []
    made = found_kek(tmp_path, RealSecrets(), is_sealed=False)
    assert found_kek(tmp_path, RealSecrets(), is_sealed=True) == made


async def test_a_directory_from_before_there_were_key_rows_opens_and_its_key_gets_one(tmp_path: Path) -> None:
    await start_and_stop(tmp_path)
    (tmp_path / KEK).unlink()
    _forget_all_keys(tmp_path)
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()):
        (info,) = (await listed(tmp_path)).values()
    assert info.key_id == read_credential(tmp_path / CREDENTIALS).key_id
    assert (info.scope, info.buckets, info.expires_ns) == (Scope.ADMIN, (), None)


def _forget_all_keys(data: Path) -> None:
    """As if the release that made this directory had known no rows of keys."""
    database = open_database(DatabasePlace(str(data / CATALOG / "catalog.db"), None, True), None)
    reader = database.reader.begin()
    found = reader.scan(*keys.ACCESS_KEYS, limit=10)
    assert found
    state = reader.state
    database.reader.end()
    database.stage([(key, None) for key, _ in found], state)
    database.commit()
    database.checkpoint(truncate=True)
    database.close()


async def test_keys_outlive_a_restart_and_revoked_ones_stay_so(tmp_path: Path) -> None:
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()):
        async with open_client(find_cluster(data=tmp_path), log=QuietLog()) as client:
            kept, gone = await client.create_key(READ), await client.create_key(READ)
            await client.revoke_key(RevokeKey(gone.info.key_id))
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()) as running:
        for made, works in ((kept, True), (gone, False)):
            address = ClusterAddress((running.address,), Credential(made.info.key_id, made.secret.encode()))
            async with open_client(address, log=QuietLog()) as client:
                if works:
                    await client.status()
                else:
                    with pytest.raises(AccessDenied, match="a revoked key"):
                        await client.status()


async def test_no_secret_lies_open_in_the_catalogs_files(tmp_path: Path) -> None:
    async with running_coordinator(CoordinatorProcess(tmp_path, ANY), QuietLog()):
        async with open_client(find_cluster(data=tmp_path), log=QuietLog()) as client:
            made = await client.create_key(READ)
        root = read_credential(tmp_path / CREDENTIALS).secret.decode()
        files = [path for path in (tmp_path / CATALOG).iterdir() if path.is_file()]
        stored = b"".join(path.read_bytes() for path in files)
    assert made.info.key_id.encode() in stored
    for secret in (made.secret, root):
        assert secret.encode() not in stored
        assert bytes.fromhex(secret) not in stored
