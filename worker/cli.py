"""The commands of `python -m worker`: run (the default), submit, forget, rehash, compare, dead-letters and so on."""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from worker import dead_letter_arguments, health, settings, supervisor
from worker.errors import ConfigurationError, MessageError, StorageError, StoreError, WorkerError
from worker.keys import Keys
from worker.messages import PhotoId
from worker.result import Result
from worker.telemetry import Telemetry, set_up_logs

OK, FAILED, CONFIGURATION, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. 2: a setting or a part it names does not fit, said in one line."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except ConfigurationError as error:
        sys.stderr.write(f"worker: {error}\n")
        return CONFIGURATION


def _run(_options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    stop = supervisor.StopFlag()
    stop.install()
    from worker import app, sinks  # noqa: PLC0415 - TensorFlow takes seconds; bad settings and a stop must not wait

    patience = supervisor.Patience(
        wanted.drain_deadline, wanted.receive_wait, wanted.stall_after, wanted.give_up_after
    )
    try:
        telemetry = Telemetry(sinks.wanted(wanted, os.environ))
        worker = app.build(wanted, telemetry, checkpoint=stop.checkpoint)
    except supervisor.StoppedError:
        return OK
    code = supervisor.Supervisor(worker, stop, patience, time.monotonic).run()
    if worker.pipeline.lingers:  # in TensorFlow perhaps, where it would hang the interpreter's end too
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _submit(options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker.client import Client  # noqa: PLC0415 - the other commands need no AWS client

    client = Client.from_settings(wanted, prefix=options.prefix)
    send = client.upload if options.by_notification else client.submit
    try:
        photos = [(path, path.read_bytes()) for path in options.photos]
        sent = [send(photo, path.suffix.lower()) for path, photo in photos]
        for image_id in sent:
            sys.stdout.write(client.wait(image_id, options.timeout).model_dump_json(indent=2) + "\n")
    except (OSError, WorkerError) as error:
        sys.stderr.write(f"worker submit: {error}\n")
        return FAILED
    return OK


def _forget(options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    owned = "owner" in re.compile(wanted.image_id_pattern).groupindex
    if owned != bool(options.owner):
        why = "name it with --owner" if owned else "--owner means nothing here"
        raise ConfigurationError(f"WORKER_IMAGE_ID_PATTERN names {'an' if owned else 'no'} owner: {why}")
    from worker.stores import result_store  # noqa: PLC0415 - the other commands need no Redis client

    store = result_store(wanted)
    try:
        for image_id in options.image_ids:
            there = store.forget(PhotoId(image_id, options.owner))
            sys.stdout.write(f"{image_id}: {'forgotten' if there else 'nothing was known of it'}\n")
    except StoreError as error:
        sys.stderr.write(f"worker forget: {error}\n")
        return FAILED
    return OK


def _rehash(_options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker import app  # noqa: PLC0415 - see _run

    try:
        counts = app.rehash(wanted, Telemetry())
    except MessageError as error:
        sys.stderr.write(f"worker rehash: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("worker rehash: stopped; run it again to go on\n")
        return INTERRUPTED
    said = (
        ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count) or "no photo to enter"
    )
    sys.stdout.write(f"{said}\n")
    return FAILED if counts["failed"] else OK


def _publish_model(options: argparse.Namespace) -> int:
    from worker import delivery  # noqa: PLC0415 - the other commands need no AWS client
    from worker.adapters.model_bucket import ModelBucket  # noqa: PLC0415 - the same

    def tell(name: str) -> None:
        sys.stdout.write(f"  {name}\n")
        sys.stdout.flush()

    try:
        where = delivery.publish(options.folder, options.to, ModelBucket(), tell)
    except StorageError as error:
        sys.stderr.write(f"worker publish-model: {error}\n")
        return FAILED
    sys.stdout.write(f"{where} is whole: workers with WORKER_MODEL={options.to} take it from now on\n")
    return OK


def _compare(options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    try:
        other = Keys(options.other_key)
    except ValueError as error:
        raise ConfigurationError(f"the key template {options.other_key!r} {error}") from None
    from worker import comparison, comparison_table  # noqa: PLC0415 - the other commands need none of it
    from worker.stores import result_store  # noqa: PLC0415 - see _forget

    try:
        found = comparison.compare(result_store(wanted).texts(other), options.score)
    except StoreError as error:
        sys.stderr.write(f"worker compare: {error}\n")
        return FAILED
    comparison_table.show(found, Console())
    return OK if found.compared else FAILED


def _dead_letters(options: argparse.Namespace) -> int:
    wanted = settings.load(os.environ)
    set_up_logs(wanted.log_format, wanted.log_level)
    from worker import dead_letter_commands as letters  # noqa: PLC0415 - the other commands need no AWS client

    try:
        if options.action == "redrive":
            wait = sys.stderr.isatty() if options.wait is None else options.wait
            return letters.move_back(wanted, Telemetry(), time.monotonic, rate=options.rate, wait=wait)
        if options.action == "cancel":
            return letters.cancel(wanted)
        return letters.show(wanted, Telemetry(), time.monotonic, limit=options.limit, as_json=options.json)
    except MessageError as error:
        sys.stderr.write(f"worker dead-letters: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("worker dead-letters: stopped\n")
        return INTERRUPTED


def _health(_options: argparse.Namespace) -> int:
    path = Path(os.environ.get(f"{settings.PREFIX}STATE_FILE") or health.STATE_FILE)
    state = health.State.read(path)
    if state is None:
        sys.stdout.write(f"gone: no worker writes {path}\n")
        return FAILED
    word, why = state.judge(time.monotonic(), health.is_alive)
    sys.stdout.write(f"{word}: {why}\n")
    return FAILED if word in {"gone", "wedged"} else OK


def _schema(_options: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(Result.model_json_schema(mode="serialization"), indent=2) + "\n")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker",
        description="Scores food photos: S3 upload event in, result in Redis, message deleted last.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    run = commands.add_parser("run", help="poll the queue until stopped (the default)")
    run.set_defaults(command=_run)
    submit = commands.add_parser("submit", help="upload photos the way the API does and print their results")
    submit.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    submit.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to wait for each result (default 30)"
    )
    submit.add_argument(
        "--by-notification",
        action="store_true",
        help="send no request, wait for S3 to announce the upload (on AWS a second later)",
    )
    submit.set_defaults(command=_submit)
    submit.add_argument(
        "--prefix", default="uploads/", help="what keys begin with, up to the image id (default uploads/)"
    )
    forget = commands.add_parser("forget", help="delete photos' results and all that is known of them")
    forget.add_argument("image_ids", nargs="+", metavar="IMAGE_ID")
    forget.add_argument("--owner", default="", help="whose photos they are, where the keys name owners")
    forget.set_defaults(command=_forget)
    publish = commands.add_parser("publish-model", help="upload a model for workers that take theirs from S3")
    publish.add_argument(
        "folder", type=Path, metavar="FOLDER", help="NAME/VERSION, or NAME: its newest version"
    )
    publish.add_argument("to", metavar="S3URL", help="s3://bucket/prefix/NAME/")
    publish.set_defaults(command=_publish_model)
    compare = commands.add_parser(
        "compare", help="hold results of another service against these, by their scores"
    )
    compare.add_argument(
        "other_key", metavar="KEY", help="where they are in the same Redis, such as old:{image_id}"
    )
    compare.add_argument(
        "--score", default="score", metavar="PATH", help="of the score in their JSON, dotted (default score)"
    )
    compare.set_defaults(command=_compare)
    rehash = commands.add_parser("rehash", help="rebuild what is known of photos from the buckets")
    rehash.set_defaults(command=_rehash)
    dead_letter_arguments.add_to(commands, _dead_letters)
    how = commands.add_parser(
        "health", help="tell how the worker on this machine is; 1 when it is wedged or gone"
    )
    how.set_defaults(command=_health)
    schema = commands.add_parser("schema", help="print the JSON Schema of a result")
    schema.set_defaults(command=_schema)
    return parser


def _settings_help() -> str:
    lines = ["settings (environment variables; region, credentials and endpoint are boto3's AWS_…):"]
    for variable, default, bounds, unit, doc in settings.rows():
        facts = "; ".join(part for part in (bounds, unit, f"default {default}" if default else "") if part)
        lines += [f"  {variable}", f"      {doc} ({facts})" if facts else f"      {doc}"]
    return "\n".join(
        [*lines, "", "exit codes: 0 drained, 1 a stage failed, 2 configuration, 3 drain unfinished"]
    )
