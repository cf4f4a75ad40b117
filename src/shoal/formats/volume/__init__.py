"""The newest version of the format file of a volume."""

from shoal.formats.volume.v1 import FORMAT_FILE_BYTES, VolumeFormat, decode_volume_format, encode_volume_format

__all__ = ["FORMAT_FILE_BYTES", "VolumeFormat", "decode_volume_format", "encode_volume_format"]
