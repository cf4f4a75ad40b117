"""Makes the gRPC stubs in `src/shoal_pb` from the `.proto` files beside them: `python tools/protos.py`.

The stubs are committed, so that nobody who installs Shoal needs a compiler; `stale` tells whether they fit, and
`tests/unit/tools/test_protos.py` asks it.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent.parent / "src"
PACKAGE = "shoal_pb"

# Lines that name the release of a tool; those of another release that generates the same are as good.
_OF_THE_RELEASE = re.compile(r"Protobuf Python Version|GRPC_GENERATED_VERSION =|^    [0-9]+,$|^    ''", re.MULTILINE)


def generate(target: Path) -> list[Path]:
    """Write the stubs of all `.proto` files below `target`; returns their paths relative to it. Raises: ValueError."""
    protos = sorted(str(path.relative_to(SOURCES)) for path in (SOURCES / PACKAGE).glob("*.proto"))
    well_known = Path(protoc.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", f"--proto_path={SOURCES}", f"--proto_path={well_known}", *outputs, *protos]):
        raise ValueError("the .proto files cannot be compiled")
    return sorted(path.relative_to(target) for path in (target / PACKAGE).glob("*_pb2*.py*"))


def stale() -> Iterator[str]:
    """The stubs that are missing, or differ from what their `.proto` file gives, but for the tools' release."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory)
        for path in generate(target):
            kept = SOURCES / path
            if not kept.is_file() or _essence(kept) != _essence(target / path):
                yield path.name


def _essence(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if not _OF_THE_RELEASE.search(line)]


if __name__ == "__main__":
    for written in generate(SOURCES):
        print(written)
    sys.exit(0)
