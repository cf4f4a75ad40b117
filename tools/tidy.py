"""House rules that no linter knows: sizes, parameters, docstrings, names, the ban-list, a test beside each module.

`findings` says what breaks a rule; `judge` holds that against `tests/tidy_limits.toml`, which lists what is allowed
nonetheless and may only shrink: an entry that is no longer needed, or larger than needed, fails as well.
Run it as `python tools/tidy.py`, with `shrink` to take out what is no longer needed; `tests/unit/test_tidy.py` runs it
with the tests.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
POSITIONAL_MAX = 3
LIMITS = "tests/tidy_limits.toml"
OWED = "owed"
SOURCES = ("src", "tests", "tools", "bench")
SKIPPED = {"__pycache__", "build", "dist", "node_modules", "results", "shoal-data", "venv"}
KEPT_HIDDEN = {".ci", ".editorconfig", ".github", ".gitignore"}
DOCUMENTED = {"ports", "core", "coordinator", "node", "client"}
GENERATED = re.compile(r".*_pb2(_grpc)?\.py")
FILE_NAMES_BANNED = re.compile(r"(utils?|helpers?|common|misc)")
CLASS_NAMES_BANNED = re.compile(r"_*Abstract\w*|\w*Manager")
# The brackets keep the patterns from finding themselves.
WORDS_BANNED = re.compile(r"(?<![\w.])/(?:wor[k]|roo[t]|Users|home/\w+)/|\b(?:pyp[i]|pythonhoste[d]|npmj[s])\.")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Limits = Mapping[str, Mapping[str, int | str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that breaks `rule` at `place`: a path, or path::name; `size` where the rule is about one."""

    rule: str
    place: str
    line: int
    says: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ban:
    """Names that only the product code below `places` may use.

    "time." is all of that module, ".run_in_executor" that method of anything, and anything else is itself. What
    begins with a name in `pardoned` is let through: another ban may be about it.
    """

    rule: str
    names: tuple[str, ...]
    instead: str
    places: tuple[str, ...] = ()
    pardoned: tuple[str, ...] = ()


CLOCKS = (
    "time.",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
)
DICE = ("random.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "secrets.")
FILES = ("open", "io.open", "os.", "mmap.", "shutil.", "tempfile.")
PATH_METHODS = (".read_text", ".read_bytes", ".write_text", ".write_bytes")
THREADS = ("asyncio.to_thread", ".run_in_executor", "concurrent.futures.", "threading.", "multiprocessing.")
PROCESSES = ("subprocess.", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell")
LOOPS = ("asyncio", "asyncio.get_running_loop()", ".loop", "._loop")
TASKS = ("asyncio.ensure_future", *(f"{loop}.create_task" for loop in LOOPS))

REAL_ENV = "wiring/env"

BANS = (
    Ban("clock", CLOCKS, "env.clock", places=(REAL_ENV, "app/")),
    Ban("randomness", DICE, "env.rng or env.secrets", places=(REAL_ENV, "app/"), pardoned=("random.Random",)),
    Ban("randomness", ("random.Random",), "env.rng", places=(REAL_ENV, "app/", "testing/")),
    Ban("disk", FILES + PATH_METHODS, "env.disk", places=(REAL_ENV, "app/"), pardoned=("os.urandom",)),
    Ban("threads", THREADS, "env.cpu", places=(REAL_ENV, "app/")),
    Ban("processes", PROCESSES, "the supervisor in app", places=("app/",)),
    Ban("tasks", TASKS, "a TaskGroup, or a set of tasks that somebody owns"),
    Ban("wait_for", ("asyncio.wait_for",), "asyncio.timeout()"),
    Ban("print", ("print",), "the log, or click in app"),
)


class Module:
    """I am one parsed Python file."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self.tree = ast.parse(source, path)
        self.is_product = path.startswith("src/shoal/")
        self.inside = path.removeprefix("src/shoal/") if self.is_product else ""
        self.floor = self.inside.partition("/")[0]
        self.nodes = list(ast.walk(self.tree))
        self.imports = dict(_imported(self.nodes))

    def functions(self) -> Iterator[tuple[Function, str, bool]]:
        """Every function with its qualified name and whether it is a method."""
        yield from _functions(self.tree, prefix="", in_class=False)


def _imported(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        match node:
            case ast.Import():
                for alias in node.names:
                    yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
            case ast.ImportFrom(module=str(module)):
                for alias in node.names:
                    yield alias.asname or alias.name, f"{module}.{alias.name}"


def _functions(node: ast.AST, *, prefix: str, in_class: bool) -> Iterator[tuple[Function, str, bool]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                name = f"{prefix}{child.name}"
                yield child, name, in_class
                yield from _functions(child, prefix=f"{name}.", in_class=False)
            case ast.ClassDef():
                yield from _functions(child, prefix=f"{prefix}{child.name}.", in_class=True)
            case _:
                yield from _functions(child, prefix=prefix, in_class=in_class)


def check_sizes(module: Module) -> Iterator[Finding]:
    """Modules and functions that are too long; a docstring does not count."""
    lines = len(module.source.splitlines())
    if lines > MODULE_LINES_MAX:
        yield Finding("module_lines", module.path, 1, f"{lines} lines, at most {MODULE_LINES_MAX}", lines)
    for function, name, _ in module.functions():
        length = (function.end_lineno or function.lineno) - function.lineno + 1 - _docstring_lines(function)
        if length > FUNCTION_LINES_MAX:
            place, says = f"{module.path}::{name}", f"{length} lines, at most {FUNCTION_LINES_MAX}"
            yield Finding("function_lines", place, function.lineno, says, length)


def _docstring_lines(function: Function) -> int:
    if ast.get_docstring(function, clean=False) is None:
        return 0
    first = function.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def check_parameters(module: Module) -> Iterator[Finding]:
    """More than three parameters, or a bool, that a caller could pass without naming it. Not asked of tests."""
    if module.path.startswith("tests/"):
        return
    for function, name, is_method in module.functions():
        positional = [*function.args.posonlyargs, *function.args.args]
        if is_method and not any(_name(decorator) == "staticmethod" for decorator in function.decorator_list):
            positional = positional[1:]
        place = f"{module.path}::{name}"
        if len(positional) > POSITIONAL_MAX:
            says = f"{len(positional)} positional parameters, at most {POSITIONAL_MAX}"
            yield Finding("positional", place, function.lineno, says, len(positional))
        defaults = function.args.defaults
        for parameter, default in zip(positional[::-1], defaults[::-1], strict=False):
            if isinstance(default, ast.Constant) and isinstance(default.value, bool):
                yield Finding("positional_bool", place, function.lineno, f"`{parameter.arg}` must be keyword-only")


def _name(node: ast.AST) -> str:
    """The dotted text of a name, attribute or call: `f().x`. What is none of them becomes empty."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{_name(node.value)}.{node.attr}"
        case ast.Call():
            return f"{_name(node.func)}()"
        case _:
            return ""


def check_bans(module: Module) -> Iterator[Finding]:
    """The world taken by a way that the simulator cannot see, and constructs that hide failures. Product code only."""
    if not module.is_product:
        return
    for line, name in _used_names(module):
        for ban in BANS:
            if module.inside.startswith(ban.places) or name.startswith(ban.pardoned):
                continue
            if _is_named(name, ban.names):
                yield Finding(ban.rule, module.path, line, f"`{name}`: use {ban.instead}")
    for node in module.nodes:
        match node:
            case ast.Assert():
                yield Finding("assert", module.path, node.lineno, "vanishes under -O: use check()")
            case ast.ExceptHandler() if _catches_all(node):
                yield Finding("catch_all", module.path, node.lineno, "name the errors, or end with a bare raise")


def _used_names(module: Module) -> Iterator[tuple[int, str]]:
    """Line and full name of all that is imported or used: after `from os import path as p`, `p.x` is `os.path.x`.

    What hangs on a name that was not imported begins with a dot: a parameter's `secrets.token` is `.secrets.token`.
    """
    inner = {id(node.value) for node in module.nodes if isinstance(node, ast.Attribute)}
    for node in module.nodes:
        match node:
            case ast.ImportFrom(module=str(origin)):
                for alias in node.names:
                    yield node.lineno, f"{origin}.{alias.name}"
            case ast.Attribute() | ast.Name() if id(node) not in inner:
                root, dot, rest = _name(node).partition(".")
                yield node.lineno, f"{module.imports.get(root, dot + root)}{dot}{rest}"
            case _:
                pass


def _is_named(name: str, banned: tuple[str, ...]) -> bool:
    return any(
        name == entry
        or (entry.endswith(".") and name.startswith(entry))
        or (entry.startswith(".") and name.endswith(entry))
        for entry in banned
    )


def _catches_all(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {_name(each) if each else "BaseException" for each in caught}
    last = handler.body[-1]
    return bool(names & {"Exception", "BaseException"}) and not (isinstance(last, ast.Raise) and last.exc is None)


def check_docstrings(module: Module) -> Iterator[Finding]:
    """A docstring on every module, and on public classes and functions of ports, core and roles."""
    if ast.get_docstring(module.tree) is None:
        yield Finding("docstring", module.path, 1, "the module has no docstring")
    if module.floor not in DOCUMENTED:
        return
    for node in module.tree.body:
        if (
            isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ):
            yield Finding("docstring", f"{module.path}::{node.name}", node.lineno, "public, and has no docstring")


def check_names(module: Module) -> Iterator[Finding]:
    """Names that say nothing about what is inside."""
    if FILE_NAMES_BANNED.fullmatch(PurePosixPath(module.path).stem):
        yield Finding("name", module.path, 1, "name the file after what it holds")
    for node in module.nodes:
        if isinstance(node, ast.ClassDef) and CLASS_NAMES_BANNED.fullmatch(node.name):
            yield Finding("name", f"{module.path}::{node.name}", node.lineno, "name the class after what it does")


def has_logic(module: Module) -> bool:
    """True if some function has a body; false for pure Protocols, plain records and tables."""
    return any(any(not _is_empty(line) for line in function.body) for function, _, _ in module.functions())


def _is_empty(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def check_mirror(module: Module, root: Path) -> Iterator[Finding]:
    """A module with logic and no unit test file of its own."""
    path = PurePosixPath(module.path)
    if not module.is_product or path.stem.startswith("__") or not has_logic(module):
        return
    wanted = PurePosixPath("tests/unit", *path.parts[2:-1], f"test_{path.name}")
    if not (root / wanted).is_file():
        yield Finding("mirror", module.path, 1, f"{wanted} is missing")


RULES = (check_sizes, check_parameters, check_bans, check_docstrings, check_names)


def check_words(path: str, text: str) -> Iterator[Finding]:
    """Paths of somebody's machine, and hosts of package registries."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := WORDS_BANNED.search(line):
            yield Finding("words", path, number, f"`{found[0]}` belongs to a machine, not to the project")


def files(root: Path) -> Iterator[Path]:
    """The files of the project: caches, environments and other hidden things left out."""
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or (path.name.startswith(".") and path.name not in KEPT_HIDDEN):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def findings(root: Path) -> Iterator[Finding]:
    """All that breaks a rule below `root`."""
    for file in files(root):
        path, text = file.relative_to(root).as_posix(), file.read_text("utf-8", errors="replace")
        yield from check_words(path, text)
        if file.suffix == ".py" and path.split("/")[0] in SOURCES and not GENERATED.fullmatch(path):
            module = Module(path, text)
            for rule in RULES:
                yield from rule(module)
            yield from check_mirror(module, root)


def measured(found: list[Finding]) -> dict[tuple[str, str], int]:
    """The largest size of what was found, by rule and place; 0 where a rule is not about a size."""
    sizes: dict[tuple[str, str], int] = {}
    for each in found:
        key = each.rule, each.place
        sizes[key] = max(each.size, sizes.get(key, 0))
    return sizes


def judge(found: list[Finding], limits: Limits) -> list[str]:
    """What must be mended: findings over their limits, and limits over their findings."""
    sentences = []
    for each in found:
        allowed = limits.get(each.rule, {}).get(each.place)
        if allowed is None or (isinstance(allowed, int) and each.size > allowed):
            sentences.append(f"{each.place}:{each.line}: {each.rule}: {each.says}")
    sizes = measured(found)
    for rule, places in limits.items():
        for place, allowed in places.items():
            size = sizes.get((rule, place))
            if size is None:
                sentences.append(f"{LIMITS}: {rule}: {place}: no longer needed, remove it")
            elif isinstance(allowed, int) and size < allowed:
                sentences.append(f"{LIMITS}: {rule}: {place}: lower it to {size}")
    return sentences


def shrink(text: str, found: list[Finding]) -> str:
    """The text of the limits without what is no longer needed; nothing is ever added."""
    sizes, rule, kept = measured(found), "", []
    for line in text.splitlines():
        if table := re.fullmatch(r"\[(\w+)\]", line):
            rule = table[1]
        entry = re.fullmatch(r'"([^"]+)" = (.+)', line)
        if entry is None:
            kept.append(line)
        elif (rule, entry[1]) in sizes:
            size = sizes[rule, entry[1]]
            kept.append(f'"{entry[1]}" = {min(size, int(entry[2])) if entry[2].isdigit() else entry[2]}')
    return "\n".join(kept) + "\n"


def absent_suites(limits: Limits, root: Path) -> list[str]:
    """Entries of `mirror` must name the suite that covers the module instead, or own up that a test is OWED."""
    return [
        f"{LIMITS}: mirror: {place}: {suite} does not exist"
        for place, suite in limits.get("mirror", {}).items()
        if suite != OWED and not (root / str(suite)).is_file()
    ]


def verdict(root: Path) -> list[str]:
    """What must be mended in a repository, a sentence each; nothing if it is tidy."""
    limits = tomllib.loads((root / LIMITS).read_text("utf-8"))
    return judge(list(findings(root)), limits) + absent_suites(limits, root)


if __name__ == "__main__":
    home = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["shrink"]:
        (home / LIMITS).write_text(shrink((home / LIMITS).read_text("utf-8"), list(findings(home))), "utf-8")
    sentences = verdict(home)
    print("\n".join(sentences) or "tidy")
    sys.exit(bool(sentences))
