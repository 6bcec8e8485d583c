"""Calls to one Redis node, sent together: commands, and scripts by their SHA."""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Self

import redis
from redis.exceptions import NoScriptError


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
    """Send calls to a node. Load scripts that it does not have, and call those again."""
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
    """Raise an error answer. A key with a value of another type counts as empty: None."""
    if isinstance(answer, redis.ResponseError) and str(answer).startswith("WRONGTYPE"):
        return None
    if isinstance(answer, Exception):
        raise answer
    return answer
