"""The state of a simulated disk: for every file and directory what programs see, and what would survive.

A file has `cached` bytes (seen by readers), `durable` bytes, and the changes between them that no sync has covered.
A directory has `live` names (seen) and `durable` ones; changes of names wait in one ordered list until a sync of their
directory. Objects below a name that does not survive are gone with it, however well they were synced.
"""

import random
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from shoal.base.errors import AlreadyExists, DiskFailed, NotFound, check
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind
from shoal.testing.sim.paged_bytes import PAGE_BYTES, PagedBytes
from shoal.testing.sim.survival import DrawnSurvivors, FileChange, ResizeChange, Survival, Survivors, WriteChange
from shoal.wiring.env.paths import parent_path, path_parts


@dataclass(slots=True, weakref_slot=True)
class Inode:
    """One file, whatever its name."""

    number: int
    cached: PagedBytes = field(default_factory=PagedBytes)
    durable: PagedBytes = field(default_factory=PagedBytes)
    unsynced: list[FileChange] = field(default_factory=list)


@dataclass(slots=True)
class Directory:
    """Names and what they stand for."""

    number: int
    live: "dict[str, Node]" = field(default_factory=dict)
    durable: "dict[str, Node]" = field(default_factory=dict)


Node = Inode | Directory


@dataclass(frozen=True, slots=True)
class NameChange:
    """One atomic change of names: something appears, disappears, or does both under two names."""

    number: int
    removed: tuple[Directory, str] | None = None
    added: tuple[Directory, str, Node] | None = None

    def directories(self) -> dict[int, Directory]:
        """Those that it touches, by number."""
        return {end[0].number: end[0] for end in (self.removed, self.added) if end}


class Platter:
    """I hold bytes and names and know which of them would survive; I never fail, wait or count."""

    def __init__(self) -> None:
        self.root = Directory(0)
        self._numbers = 0
        self._inodes: WeakValueDictionary[int, Inode] = WeakValueDictionary()
        self._unsynced_names: list[NameChange] = []

    @property
    def last_number(self) -> int:
        """Of the last change or object made."""
        return self._numbers

    def find(self, path: str) -> Node | None:
        """What `path` stands for, as programs see it."""
        node: Node | None = self.root
        for name in path_parts(path):
            node = node.live.get(name) if isinstance(node, Directory) else None
        return node

    def file(self, path: str) -> Inode:
        """Raises: NotFound; DiskFailed if it is a directory."""
        node = self.find(path)
        if node is None:
            raise NotFound("no such file", path=path)
        if isinstance(node, Directory):
            raise DiskFailed("it is a directory", path=path)
        return node

    def directory(self, path: str) -> Directory:
        """Raises: NotFound; DiskFailed if it is a file."""
        node = self.find(path)
        if node is None:
            raise NotFound("no such directory", path=path)
        if isinstance(node, Inode):
            raise DiskFailed("it is not a directory", path=path)
        return node

    def require_free(self, path: str) -> None:
        """Raises: AlreadyExists; NotFound if the directory of `path` is missing."""
        if self.find(path) is not None:
            raise AlreadyExists("the name is taken", path=path)
        self.directory(parent_path(path))

    def used_bytes(self) -> int:
        """The lengths of all files, added up."""
        return _length_below(self.root)

    def apply(self, operation: DiskOperation) -> None:
        """Carry `operation` out, as far as its fault lets it happen."""
        match operation.kind:
            case OperationKind.WRITE | OperationKind.TRUNCATE | OperationKind.ALLOCATE | OperationKind.SYNC:
                inode = self._inodes.get(operation.inode)
                if inode is not None:  # unlinked and closed: nobody can see the difference
                    self._apply_to_file(inode, operation)
            case OperationKind.READ:
                pass
            case _:
                self._apply_to_names(operation)

    def _apply_to_file(self, inode: Inode, operation: DiskOperation) -> None:
        match operation.kind, operation.fault:
            case OperationKind.SYNC, FaultKind.SYNC_LIE:
                pass
            case OperationKind.SYNC, fault:
                _sync(inode, through=operation.through, marks_clean_only=fault is not None)
            case OperationKind.WRITE, _:
                self._write(inode, operation)
            case _, None:
                grow_only = operation.kind is OperationKind.ALLOCATE
                size = operation.offset + operation.length
                change = ResizeChange(self._next_number(), size, grow_only)
                change.apply(inode.cached)
                inode.unsynced.append(change)
            case _:
                pass

    def _write(self, inode: Inode, operation: DiskOperation) -> None:
        offset, data, fault = operation.offset, operation.data, operation.fault
        if fault is FaultKind.SHORT_WRITE:
            data = data[: len(data) // 2]
        elif fault not in (None, FaultKind.LOST_WRITE, FaultKind.MISDIRECTED_WRITE):
            return
        inode.cached.write(offset, data)
        if fault is FaultKind.LOST_WRITE:
            return
        landed = offset ^ PAGE_BYTES if fault is FaultKind.MISDIRECTED_WRITE else offset
        inode.unsynced.append(WriteChange(self._next_number(), landed, data))

    def _apply_to_names(self, operation: DiskOperation) -> None:
        if operation.fault is not None:
            return
        if operation.kind is OperationKind.SYNC_DIR:
            self._sync_names(self.directory(operation.path), operation.through)
            return
        directory, name = self.directory(parent_path(operation.path)), path_parts(operation.path)[-1]
        match operation.kind:
            case OperationKind.CREATE:
                inode = Inode(self._next_number())
                self._inodes[inode.number] = inode
                self._rename(NameChange(self._next_number(), added=(directory, name, inode)))
            case OperationKind.MAKE_DIR:
                made = Directory(self._next_number())
                self._rename(NameChange(self._next_number(), added=(directory, name, made)))
            case OperationKind.UNLINK:
                self._rename(NameChange(self._next_number(), removed=(directory, name)))
            case _:
                target = self.directory(parent_path(operation.target)), path_parts(operation.target)[-1]
                moved = (*target, directory.live[name])
                self._rename(NameChange(self._next_number(), removed=(directory, name), added=moved))

    def _rename(self, change: NameChange) -> None:
        if change.removed:
            directory, name = change.removed
            del directory.live[name]
        if change.added:
            directory, name, node = change.added
            directory.live[name] = node
        self._unsynced_names.append(change)

    def _sync_names(self, directory: Directory, through: int) -> None:
        """Make the names of `directory` durable, and before them what they depend on.

        A rename between two directories is atomic, so it takes the earlier changes of the other one along.
        """
        touched = {directory.number}
        chosen: dict[int, NameChange] = {}
        for change in reversed(self._unsynced_names):
            ends = change.directories().keys()
            if change.number <= through and not touched.isdisjoint(ends):
                touched.update(ends)
                chosen[change.number] = change
        for change in reversed(chosen.values()):
            if change.removed:
                change.removed[0].durable.pop(change.removed[1], None)
            if change.added:
                change.added[0].durable[change.added[1]] = change.added[2]
        self._unsynced_names = [change for change in self._unsynced_names if change.number not in chosen]

    def drop_cache(self, path: str) -> None:
        """Forget clean pages: what a failed sync or a lying device did not store is not seen any more."""
        inode = self.file(path)
        inode.cached = inode.durable.copy()
        for change in inode.unsynced:
            change.apply(inode.cached)

    def flip_bit(self, path: str, offset: int, bit: int) -> None:
        """Rot: on the medium, and in the cache so that it shows at once."""
        inode = self.file(path)
        check(0 <= offset < inode.cached.size and 0 <= bit < 8, "no such bit", path=path, offset=offset, bit=bit)
        for content in (inode.cached, inode.durable):
            if offset < content.size:
                content.write(offset, bytes([content.read(offset, 1)[0] ^ 1 << bit]))

    def overwrite(self, path: str, offset: int, data: bytes) -> None:
        """Worse damage, in the same places; the file keeps its length."""
        inode = self.file(path)
        check(offset >= 0 and offset + len(data) <= inode.durable.size, "no such bytes", path=path, offset=offset)
        for content in (inode.cached, inode.durable):
            content.write(offset, data[: max(0, content.size - offset)])

    def after_power_loss(self, survival: Survival, rng: random.Random) -> "Platter":
        """The disk as it comes up after a power cut now; I stay as I am."""
        return self.left_to(DrawnSurvivors(survival, rng))

    def left_to(self, survivors: Survivors) -> "Platter":
        """The same, with what `survivors` leave. They are asked for names first, in an order that never changes."""
        names = self._surviving_names(survivors)
        rebuilt = Platter()
        rebuilt._numbers = self._numbers
        rebuilt.root = rebuilt._rebuild(self.root, names, survivors)
        return rebuilt

    def _surviving_names(self, survivors: Survivors) -> "dict[int, dict[str, Node]]":
        """The names of each directory that has un-synced ones.

        A change of two directories survives only if it does in both, and nothing after it in either if it does not.
        """
        waiting: dict[int, int] = {}
        names: dict[int, dict[str, Node]] = {}
        for change in self._unsynced_names:
            for number, directory in change.directories().items():
                waiting[number] = waiting.get(number, 0) + 1
                names.setdefault(number, dict(directory.durable))
        left = {number: survivors.of_names(count) for number, count in waiting.items()}
        for change in self._unsynced_names:
            ends = change.directories()
            if not all(left[number] for number in ends):
                left.update(dict.fromkeys(ends, 0))
                continue
            left.update({number: left[number] - 1 for number in ends})
            if change.removed:
                names[change.removed[0].number].pop(change.removed[1], None)
            if change.added:
                names[change.added[0].number][change.added[1]] = change.added[2]
        return names

    def _rebuild(self, old: Directory, names: "dict[int, dict[str, Node]]", survivors: Survivors) -> Directory:
        new = Directory(old.number)
        for name, node in names.get(old.number, old.durable).items():
            if isinstance(node, Directory):
                new.live[name] = self._rebuild(node, names, survivors)
                continue
            durable = node.durable.copy()
            for change in survivors.of_file(node.unsynced):
                change.apply(durable)
            inode = Inode(node.number, cached=durable.copy(), durable=durable)
            new.live[name] = self._inodes[inode.number] = inode
        new.durable = dict(new.live)
        return new

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers


def _sync(inode: Inode, *, through: int, marks_clean_only: bool) -> None:
    covered = [change for change in inode.unsynced if change.number <= through]
    inode.unsynced = inode.unsynced[len(covered) :]
    if not marks_clean_only:
        for change in covered:
            change.apply(inode.durable)


def _length_below(directory: Directory) -> int:
    return sum(node.cached.size if isinstance(node, Inode) else _length_below(node) for node in directory.live.values())
