"""Builds a worker: settings → connections → models → stages. Nothing is polled yet."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from worker.adapters.aws import ecs
from worker.adapters.aws.model_bucket import ModelBucket
from worker.adapters.engines import Engines
from worker.assembly import Assembly
from worker.connections import Connections, connect, door_storage, readers, s3_uploads, utc_now
from worker.decoders.nursery import Nursery
from worker.errors import ConfigurationError
from worker.inference.delivery.library import Library
from worker.inference.model_loader import ModelLoader
from worker.inference.reload import Reload
from worker.inference.warm_up import seconds_by_size
from worker.intake.sources import Sources
from worker.photos import hashes
from worker.pipeline.beside import Beside
from worker.pipeline.service_times import ServiceTimes
from worker.settings import Settings
from worker.settings.capacity import decoders, make_decoder
from worker.settings.cores import cores
from worker.supervision.health import StateFile
from worker.supervision.protection import ProtectionSchedule
from worker.supervision.protector import Protector
from worker.supervision.supervisor import Worker
from worker.telemetry.counters import Telemetry
from worker.telemetry.start import Start

if TYPE_CHECKING:
    from worker.door.door import Door

Clock = Callable[[], float]

DECODED = 50.0  # photos a second for each decoder, as assumed before any was measured: a few megapixels each


def build(
    settings: Settings,
    telemetry: Telemetry,
    clock: Clock = time.monotonic,
    checkpoint: Callable[[], None] = lambda: None,
    start: Start | None = None,
) -> Worker:
    """Check that every part is there, warm the models up and join the stages.

    `checkpoint` is called again and again meanwhile; it may raise to give the start up. `start`
    measures the parts.
    Raises ConfigurationError, naming the part that is missing or does not fit.
    """
    with ExitStack() as parts:  # what a start that fails must end
        nursery = Nursery(hashes.find(settings.hash).name)  # before any thread, and while the models load
        parts.callback(nursery.close)
        door = _door(settings, telemetry, clock) if settings.door_port else None
        if door:
            door.listen()
            parts.callback(door.end)
        start = start or Start()
        worker = _build(settings, telemetry, nursery, door, clock=clock, checkpoint=checkpoint, start=start)
        parts.pop_all()
        return worker


def _build(
    settings: Settings,
    telemetry: Telemetry,
    nursery: Nursery,
    door: "Door | None",
    *,
    clock: Clock,
    checkpoint: Callable[[], None],
    start: Start,
) -> Worker:
    state = _state_file(settings, clock)

    def connected() -> Connections:
        with start.part("connect"):
            return connect(settings, telemetry, clock)

    connecting = Beside(connected, "connect")  # while the models load

    def still_starting() -> None:
        try:
            state.write("starting")
        except OSError as error:  # a disk that is full by now: go on, as a worker that polls does
            telemetry.warn("state_file_failed", reason=str(error))
        connecting.check()
        checkpoint()

    library = Library(ModelBucket(), Path(settings.model_cache), telemetry=telemetry, clock=clock)
    with start.part("models"):
        bundles = [library.fetch_at_start(location, still_starting) for location in settings.model]
    loader = ModelLoader(settings, telemetry, Engines(), cores=cores(), clock=clock, start=start)
    replicas = loader.load(bundles, still_starting)
    target = bundles[0].manifest.input.target
    decoder = make_decoder(settings, target, telemetry, nursery=nursery, clock=clock)
    with start.part("decoders"):
        decoder.start(still_starting)
    connections = connecting.result(still_starting)
    times = ServiceTimes(seconds_by_size(replicas[0]))
    source = s3_uploads(settings, connections, telemetry, clock) if connections.queue else None
    assembly = Assembly(
        settings,
        source,
        connections.store,
        decoder,
        replicas,
        telemetry=telemetry,
        clock=clock,
        service_times=times,
        door=door,
    )
    telemetry.watch(lambda: assembly.depths() | (door.gauges() if door else {}))
    reload = _reload(settings, library, loader, assembly, telemetry=telemetry, clock=clock)
    if door:
        door.open(
            readers=readers(settings, assembly.results, telemetry),
            storage=door_storage(settings, clock),
            models=lambda: assembly.serving.versions,
            rate=min(times.rate() * len(replicas), DECODED * decoders(settings)),
            outages=assembly.outages,
            pipeline=assembly,
            leases=lambda: source.in_flight if source else 0,
        )

    def close() -> None:
        if door:
            door.end()
        decoder.close()

    return Worker(
        assembly.pipeline({"reload": reload.step} if reload else {}),
        Sources([one for one in (door, source) if one]),  # SQS may keep a stop waiting, no client may
        assembly.outages,
        assembly.stopping,
        telemetry,
        state,
        _protector(settings, telemetry, clock),
        close,
        start.report,
    )


def _door(settings: Settings, telemetry: Telemetry, clock: Clock) -> "Door":
    from worker.door.door import Door  # noqa: PLC0415 - a web server, which no other worker needs

    return Door(settings, telemetry, clock, utc_now)


def _state_file(settings: Settings, clock: Clock) -> StateFile:
    state = StateFile(Path(settings.state_file), clock, settings.stall_after)
    try:
        state.write("starting")
    except OSError as error:
        raise ConfigurationError(f"WORKER_STATE_FILE cannot be written: {error}") from None
    return state


def _reload(
    settings: Settings,
    library: Library,
    loader: ModelLoader,
    assembly: Assembly,
    *,
    telemetry: Telemetry,
    clock: Clock,
) -> Reload | None:
    if not settings.model_refresh:
        return None
    return Reload(
        library=library,
        locations=settings.model,
        serving=assembly.serving,
        load=loader.load_next,
        interval_seconds=settings.model_refresh,
        telemetry=telemetry,
        stopping=assembly.stopping,
        clock=clock,
    )


def _protector(settings: Settings, telemetry: Telemetry, clock: Clock) -> Protector | None:
    """Protect the task from scale-in, in an ECS task."""
    agent = ecs.EcsAgent.find()
    if agent is None or settings.protection == "off":
        return None
    return Protector(agent, ProtectionSchedule(clock, random.random), telemetry)
