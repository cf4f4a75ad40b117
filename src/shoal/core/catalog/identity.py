"""Which catalog this is, and the settings that its cluster agrees on."""

from msgspec.structs import replace

from shoal.base.errors import AccessDenied, ManifestDamaged
from shoal.core.catalog import rows
from shoal.core.names import DEFAULT_BUCKET
from shoal.formats import keys
from shoal.model.catalog import Bucket, CatalogIdentity
from shoal.model.cluster import ClusterSettings
from shoal.ports.engine import Snapshot, Tx


def read_identity(snapshot: Snapshot) -> CatalogIdentity:
    """The catalog's identity. Raises: ManifestDamaged if it was never opened."""
    identity = rows.IDENTITY.find(snapshot, keys.IDENTITY)
    if identity is None:
        raise ManifestDamaged("the catalog has no identity row")
    return identity


def find_settings(snapshot: Snapshot) -> ClusterSettings | None:
    """The settings that hold; None if the catalog was never opened."""
    return rows.SETTINGS.find(snapshot, keys.SETTINGS)


def read_settings(snapshot: Snapshot) -> ClusterSettings:
    """The settings that hold now. Raises: ManifestDamaged if the catalog was never opened."""
    settings = find_settings(snapshot)
    if settings is None:
        raise ManifestDamaged("the catalog has no settings row")
    return settings


def open_catalog(tx: Tx, *, cluster_id: str, settings: ClusterSettings) -> CatalogIdentity:
    """Make an empty engine a catalog with the bucket `default`; give one that exists the `settings` asked for.

    New settings are a new version of the map; since no update can say them, everybody takes the whole map.
    Raises: AccessDenied if the catalog is another cluster's.
    """
    identity = rows.IDENTITY.find(tx, keys.IDENTITY)
    if identity is None:
        identity = CatalogIdentity(cluster_id=cluster_id, incarnation=1, next_session=1, map_version=1)
        rows.BUCKET.put(tx, keys.bucket(DEFAULT_BUCKET), Bucket(DEFAULT_BUCKET, tx.stamp()))
    elif identity.cluster_id != cluster_id:
        raise AccessDenied("the catalog here is another cluster's", cluster_id=identity.cluster_id, asked=cluster_id)
    elif read_settings(tx) == settings:
        return identity
    else:
        identity = replace(identity, map_version=identity.map_version + 1)
    rows.IDENTITY.put(tx, keys.IDENTITY, identity)
    rows.SETTINGS.put(tx, keys.SETTINGS, settings)
    return identity
