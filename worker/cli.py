"""`python -m worker COMMAND`: finds the command, says what does not fit in one line."""

import argparse
import os
import sys
from collections.abc import Sequence

from worker import settings
from worker.commands import (
    compare,
    dead_letters,
    forget,
    health,
    publish_model,
    rehash,
    run,
    schema,
    submit,
)
from worker.commands.exit_codes import BROKEN_PIPE, CONFIGURATION
from worker.errors import ConfigurationError

COMMANDS = (run, submit, forget, rehash, dead_letters, publish_model, compare, health, schema)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. 2: a setting or a part it names does not fit, said in one line."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        sys.stderr.write(f"worker: {error}\n")
        return CONFIGURATION
    except (
        BrokenPipeError
    ):  # whoever read our output has read enough; the interpreter's end would complain once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Scores food photos: S3 upload event in, result in Redis, message deleted last.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run.run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        one = commands.add_parser(
            command.NAME, help=command.HELP, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_arguments(one)
        one.set_defaults(command=command.run)
    return parser


def _settings_help() -> str:
    lines = ["settings (environment variables; region, credentials and endpoint are boto3's AWS_…):"]
    for variable, default, bounds, unit, doc in settings.rows():
        facts = "; ".join(part for part in (bounds, unit, f"default {default}" if default else "") if part)
        lines += [f"  {variable}", f"      {doc} ({facts})" if facts else f"      {doc}"]
    return "\n".join(
        [*lines, "", "exit codes: 0 drained, 1 a stage failed, 2 configuration, 3 drain unfinished"]
    )
