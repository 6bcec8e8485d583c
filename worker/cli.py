"""`python -m worker COMMAND`: imports and runs one command, and reports its errors in one line."""

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import TextIO

import worker
from worker.commands import BROKEN_PIPE, CONFIGURATION, FAILED, INTERRUPTED, forgive_letters
from worker.errors import ConfigurationError, MessageError

COMMANDS = {  # each is a file of worker/commands/
    "run": "poll the queue until stopped (the default)",
    "submit": "upload photos the way the API does and print their results",
    "forget": "delete photos' results and everything known about them",
    "rehash": "rebuild the index of duplicates from the buckets",
    "dead-letters": "list dead letters and what is wrong with each; `redrive` moves them back",
    "publish-model": "upload a model for workers that load theirs from S3",
    "translate-model": "write a model's translation for LiteRT into its folder",
    "compare": "compare another service's results with this one's, by score",
    "health": "report the state of the worker on this machine; exits with 1 when it is wedged or gone",
    "schema": "print the JSON Schema of a result",
}
EXAMPLES = {
    "run": "WORKER_DOOR_PORT=8080 python -m worker run",
    "submit": "python -m worker submit --json photos/ | jq .score",
    "forget": "python -m worker forget 3f0e8a52-6a0f-4c11-9f0e-0a1b2c3d4e5f",
    "rehash": "python -m worker rehash",
    "dead-letters": "python -m worker dead-letters --json | jq .reason",
    "publish-model": "python -m worker publish-model meals/3 s3://models/meals/",
    "translate-model": "python -m worker translate-model meals/3",
    "compare": "python -m worker compare 'old:{image_id}' --score rating.stars",
    "health": "python -m worker health || docker restart worker",
    "schema": "python -m worker schema > result.schema.json",
}
EXIT_CODES = "exit codes: 0 drained, 1 a stage failed, 2 configuration, 3 drain unfinished"
INDENT = " " * 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    forgive_letters()
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["run"]
    try:
        options = _parser(arguments[0]).parse_args(arguments)
        code = int(options.run(options))
        print(end="", flush=True)  # a closed pipe raises here, not at the interpreter's exit
    except ConfigurationError as error:
        _complain(f"worker: {error}")
        return CONFIGURATION
    except MessageError as error:
        _complain(f"worker {arguments[0]}: {error}")
        return FAILED
    except KeyboardInterrupt:
        _complain(f"worker {arguments[0]}: stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has read enough. Without this, the interpreter complains at exit.
        _discard(sys.stdout)
        return BROKEN_PIPE
    return code


def _complain(text: str) -> None:
    """Print an error. The exit code tells it too, should nobody read stderr any more."""
    try:
        print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere, or the interpreter exits with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parser(first: str) -> argparse.ArgumentParser:
    """Build a parser. It imports the command `first` only, and knows the arguments of no other."""
    raw = argparse.RawDescriptionHelpFormatter
    epilog = _settings_help() if first in {"-h", "--help"} else None
    about = f"{worker.__doc__}\nAlso installed as the command photo-score-worker."
    parser = argparse.ArgumentParser("python -m worker", None, about, epilog, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"photo-score-worker {worker.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, formatter_class=raw)
        if name == first:
            module = import_module(f"worker.commands.{name.replace('-', '_')}")
            command.set_defaults(run=module.run)
            if hasattr(module, "add_arguments"):
                module.add_arguments(command)
            example = f"example:\n  {EXAMPLES[name]}"
            command.epilog = f"{command.epilog}\n\n{example}" if command.epilog else example
    return parser


def _settings_help() -> str:
    from worker import settings  # noqa: PLC0415 - only --help needs it, and `health` runs every few seconds

    width = shutil.get_terminal_size().columns - 2
    lines = ["settings (environment variables; region, credentials and endpoint are boto3's AWS_…):"]
    for variable, default, bounds, unit, description in settings.rows():
        given = default if default in {"", "required"} else f"default {default}"
        facts = ", ".join(filter(None, (f"{bounds} {unit}".strip(), given)))
        lines += [f"  {variable} ({facts})" if facts else f"  {variable}"]
        lines += textwrap.wrap(description, width, initial_indent=INDENT, subsequent_indent=INDENT)
    return "\n".join([*lines, "", EXIT_CODES])
