"""Calls to one Redis node, sent together: commands, and scripts by their SHA."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Self

import redis
from redis.exceptions import NoScriptError

# A script that fails at run time says so in its error, without a code of Redis's own in front of it.
_IN_SCRIPT = re.compile(r"user_script:")
# Codes of a server's state (BUSY, NOREPLICAS …), also as older servers quote them inside a script's error.
_OF_SERVER = re.compile(
    r"^(?!WRONGTYPE)[A-Z]{4,} |-[A-Z]{3,} |ACL failure|not enough memory|Error compiling script"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer for a call that fails by itself: it says nothing about any other call."""

    reason: str


class Script:
    """Lua from files in adapters/redis/lua/, joined in this order."""

    def __init__(self, *names: str) -> None:
        folder = resources.files("worker.adapters.redis") / "lua"
        self.text = "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # Redis's name for it


class Call:
    """A command, or a script with its keys and arguments."""

    def __init__(self, key: str, *command: Any, script: Script | None = None) -> None:
        self.key = key
        self.command = command
        self.script = script

    @classmethod
    def of(cls, script: Script, keys: Sequence[str], *arguments: Any) -> Self:
        """Call a script."""
        return cls(keys[0], "EVALSHA", script.sha, len(keys), *keys, *arguments, script=script)


def send(node: "redis.Redis", calls: Sequence[Call]) -> list[Any]:
    """Send calls to a node. Load scripts that it does not have, and call those again.

    A call that fails by itself is answered with Refused; a server in trouble raises.
    """
    answers = _send_once(node, calls)
    missing = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if missing:
        for script in {calls[number].script for number in missing}:
            node.script_load(script.text if script else "")
        for number, answer in zip(missing, _send_once(node, [calls[n] for n in missing]), strict=True):
            answers[number] = answer
    return [_check(answer) for answer in answers]


def _send_once(node: "redis.Redis", calls: Sequence[Call]) -> list[Any]:
    """Send calls. Redis's error answers are returned, not raised."""
    if len(calls) == 1:  # a pipeline would take half as long again
        try:
            return [node.execute_command(*calls[0].command)]  # type: ignore[no-untyped-call] # as below
        except redis.ResponseError as error:
            return [error]
    with node.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.execute_command(*call.command)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        answers: list[Any] = pipe.execute(raise_on_error=False)
    return answers


def _check(answer: Any) -> Any:
    """Raise an error of the server. A key with a value of another type counts as empty: None."""
    if not isinstance(answer, Exception):
        return answer
    text = str(answer)
    if type(answer) is redis.ResponseError:  # its subclasses are states of the server
        if _IN_SCRIPT.search(text) and not _OF_SERVER.search(text):
            return Refused(text)
        if text.startswith("WRONGTYPE"):
            return None
    raise answer
