"""An operation is done once: whoever sends it again finds what its first try answered."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from shoal.base.ids import SessionId
from shoal.core.catalog.arguments import check_number, check_session_id
from shoal.core.catalog.results import find_result, keep_result
from shoal.core.catalog.sessions import check_living, check_sequence, own_session
from shoal.formats import keys
from shoal.ports.engine import Tx

T = TypeVar("T")


class Operation(Protocol):
    """A request that changes something: it belongs to a session, and has a number there."""

    @property
    def session(self) -> SessionId: ...

    @property
    def sequence(self) -> int: ...


def check_operation(operation: Operation) -> None:
    """Raises: InvalidArgument unless a session can have this number, and an operation that one."""
    check_session_id(operation.session)
    check_number(operation.sequence, "the sequence number")


def do_once(tx: Tx, operation: Operation, do: Callable[[], T], *, key_id: str, kind: type[T]) -> T:
    """What `do` answers, a `kind`; or what it answered before, even if the session is over by now.

    Raises: StaleEpoch if the session is over or the operation forgotten; AccessDenied if the session is another key's;
    what `do` raises.
    """
    session = own_session(tx.get(keys.session(operation.session)), operation.session, key_id)
    done = find_result(tx, operation.session, operation.sequence, kind=kind)
    if done is not None:
        return done
    check_living(session, operation.session)
    check_sequence(session, operation.sequence)
    answer = do()
    keep_result(tx, operation.session, operation.sequence, reply=answer)
    return answer
