"""From a request to its answer: who asks, whether that one may, and which command it is."""

from dataclasses import dataclass, field

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.core.trust.signing import Credential
from shoal.gateway.callers import Callers
from shoal.gateway.credentials import parse_credential
from shoal.gateway.jsonl.buckets import DoorBuckets
from shoal.gateway.jsonl.call import Call, Commands, Placing
from shoal.gateway.jsonl.reply import PLAIN, Answer
from shoal.gateway.jsonl.request import Request
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turn
from shoal.gateway.jsonl.verbs.delete_file import delete_file
from shoal.gateway.jsonl.verbs.fetch_file import fetch_file
from shoal.gateway.jsonl.verbs.get_metadata import get_metadata
from shoal.gateway.jsonl.verbs.list_files import list_files
from shoal.gateway.jsonl.verbs.retrieve_block import retrieve_block
from shoal.gateway.jsonl.verbs.store_block import store_block
from shoal.gateway.jsonl.verbs.store_file import store_file

FILE_COMMANDS: Commands = {
    "store_file": store_file,
    "fetch_file": fetch_file,
    "get_metadata": get_metadata,
    "list_files": list_files,
    "delete_file": delete_file,
}
"""At the door of a coordinator."""
BLOCK_COMMANDS: Commands = {"store": store_block, "retrieve": retrieve_block}
"""At the door of a node."""

_PING = "ping"
_AWAITED = (
    *("complete_file", "list_data_servers", "register_data_server", "verify_data_server"),
    *("delete", "verify_block", "verify_all", "verification_status", "repair_block"),
)
"""Commands that a later version of the protocol has, and this door not yet."""


@dataclass(frozen=True, slots=True)
class Service:
    """I answer the requests of one door."""

    callers: Callers
    commands: Commands
    limits: DoorLimits
    placing: Placing
    needs_auth: bool
    """Every command must show an access key; else those that show none act with the door's own."""
    buckets: DoorBuckets = field(default_factory=DoorBuckets)

    async def answer(self, request: Request, turn: Turn) -> Answer:
        """Do what is asked. Raises: AccessDenied (then the caller is not listened to any longer), InvalidArgument for
        what is no command, and what the command raises."""
        credential = self._credential(request)
        if credential is None and request.command == _PING:
            return PLAIN
        async with self.callers.caller(credential) as caller, self.callers.caller() as own:
            if request.command == _PING:
                await caller.client.scope()  # is the key still good?
                return PLAIN
            command = self.commands.get(request.command)
            if command is None:
                raise InvalidArgument(_unknown(request.command))
            call = Call(
                request=request,
                client=caller.client,
                own=own.client,
                buckets=self.buckets,
                limits=self.limits,
                placing=self.placing,
                turn=turn,
            )
            return await command(call)

    def _credential(self, request: Request) -> Credential | None:
        if request.auth:
            try:
                return parse_credential(request.auth)
            except InvalidArgument as exc:
                raise AccessDenied(f"auth: {exc.sentence}") from exc
        if self.needs_auth:
            raise AccessDenied("missing auth: every command at this door shows an access key, KEY:SECRET")
        return None


def _unknown(command: str) -> str:
    return f"the command {command} is not there yet" if command in _AWAITED else "unknown command"
