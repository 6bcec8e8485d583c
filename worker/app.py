"""Composition root: settings → adapters → stages → pipeline. The architecture on one screen.

poll ──uploads──▶ infer ──outcomes──▶ commit, each a thread that repeats its stage's step; the two queues are bounded.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from worker.adapters.aws import ecs
from worker.adapters.aws.model_bucket import ModelBucket
from worker.connections import Connections, connect, cores, helpers, utc_now
from worker.errors import ConfigurationError
from worker.inference import bundle, model_loader
from worker.inference.library import Library, fetched
from worker.inference.reload import Reload
from worker.inference.serving import Replica, Serving
from worker.intake.leases import Leases
from worker.intake.s3_uploads import S3Uploads, back_off
from worker.messages import Outcome, Prepared, Upload
from worker.photos import decoding, hashes
from worker.pipeline.outages import Outages
from worker.pipeline.prefetch import PrefetchWindow
from worker.pipeline.queues import BoundedQueue
from worker.pipeline.service_times import ServiceTimes
from worker.pipeline.threads import Helpers, Pipeline, Stage, Step
from worker.results.reuse import ScoreReuse
from worker.settings import Settings
from worker.stages.commit import Commit
from worker.stages.infer import Infer
from worker.stages.poll import Poll, Rules
from worker.stages.prepare import Limits, Prepare
from worker.supervision.health import StateFile
from worker.supervision.protection import Protection
from worker.supervision.protector import Protector
from worker.supervision.supervisor import Assembly, Worker
from worker.telemetry.counters import Telemetry


def build(
    settings: Settings,
    telemetry: Telemetry,
    clock: Callable[[], float] = time.monotonic,
    checkpoint: Callable[[], None] = lambda: None,
) -> Worker:
    """Check that every part is there, warm the models up and join the stages; nothing is polled yet.

    `checkpoint` is called again and again meanwhile; it may raise to give the start up.
    Raises ConfigurationError, naming the part that is missing or does not fit.
    """
    state = _state_file(settings, clock)
    connections = connect(settings, telemetry, clock)

    def still_starting() -> None:
        state.write("starting")
        checkpoint()

    library = Library(ModelBucket(), Path(settings.model_cache), telemetry=telemetry, clock=clock)
    bundles = [bundle.read(str(fetched(library, one, still_starting))) for one in settings.model]
    replicas = model_loader.load(bundles, settings, telemetry, still_starting, cores=cores(), clock=clock)
    decoding.warm_up(bundles[0].manifest.input.target, hashes.named(settings.hash))
    times = ServiceTimes(model_loader.seconds_by_size(replicas[0]))
    joined = assemble(
        settings,
        connections,
        replicas,
        service_times=times,
        telemetry=telemetry,
        clock=clock,
        library=library,
    )
    protector = _protector(settings, telemetry, clock)
    return Worker(
        joined.pipeline, joined.uploads, joined.outages, joined.stopping, telemetry, state, protector
    )


def assemble(
    settings: Settings,
    connections: Connections,
    replicas: Sequence[Replica],
    *,
    service_times: ServiceTimes,
    telemetry: Telemetry,
    clock: Callable[[], float],
    library: Library | None = None,
) -> Assembly:
    """Join the stages by their queues. The architecture. Newer models are looked for in the `library`."""
    decoders, threads = settings.decoders or cores(), helpers(settings)
    target, serving = replicas[0][0].bundle.manifest.input.target, Serving(replicas)
    algorithm = hashes.named(settings.hash)
    outages, stopping = Outages(clock, random.random), threading.Event()

    uploads: BoundedQueue[Upload | Outcome] = BoundedQueue(settings.upload_queue)
    ready: BoundedQueue[Prepared] = BoundedQueue(
        sum(min(model.largest_batch for model in replica) for replica in replicas)
    )
    outcomes: BoundedQueue[Outcome] = BoundedQueue(settings.outcome_queue)

    source = S3Uploads(
        queue=connections.queue,
        photos=connections.photos,
        leases=Leases(connections.visibility_timeout, settings.lease_most, clock),
        retry_delay=back_off(settings.retry_delay, settings.retry_delay_max),
        telemetry=telemetry,
        clock=clock,
    )
    poll = Poll(
        queue=source,
        results=connections.store,
        uploads=uploads,
        rules=Rules(frozenset(settings.buckets), re.compile(settings.image_id_pattern)),
        models=lambda: serving.versions,
        telemetry=telemetry,
        outages=outages,
        stopping=stopping,
    )
    prepare = Prepare(
        uploads=uploads,
        ready=ready,
        outcomes=outcomes,
        target=target,
        limits=Limits(settings.max_bytes, settings.max_pixels, decoders),
        algorithm=algorithm,
        window=PrefetchWindow(decoders, threads, lambda: service_times.rate() * len(replicas)),
        objective=settings.objective / 1000,
        originals=ScoreReuse(
            connections.store,
            lambda: serving.versions,
            algorithm,
            settings.reuse if settings.duplicate_window else "none",
            telemetry=telemetry,
            outages=outages,
        ),
        outages=outages,
        stopping=stopping,
        clock=clock,
    )
    infer = Infer(
        ready=ready,
        outcomes=outcomes,
        serving=serving,
        service_times=service_times,
        batch_wait=settings.batch_wait / 1000,
        telemetry=telemetry,
        outages=outages,
        clock=clock,
    )
    commit = Commit(
        outcomes=outcomes,
        store=connections.store,
        models=lambda: serving.versions,
        telemetry=telemetry,
        outages=outages,
        clock=clock,
        now=utc_now,
        objective=settings.objective,
    )
    infer_step, *on_more_devices = infer.steps
    stages = [
        Stage("poll", poll.step, output=uploads, more=[poll.step_beside] * (settings.receivers - 1)),
        Stage(
            "infer",
            infer_step,
            output=outcomes,
            helpers=Helpers([partial(prepare.step, rank) for rank in range(threads)], output=ready),
            more=on_more_devices,
        ),
        Stage("commit", commit.step),
    ]
    beside: dict[str, Step] = {}
    if library and settings.model_refresh:
        beside["reload"] = Reload(
            library=library,
            locations=settings.model,
            serving=serving,
            load=partial(model_loader.load_beside, serving, settings, telemetry, cores=cores(), clock=clock),
            every=settings.model_refresh,
            telemetry=telemetry,
            stopping=stopping,
            clock=clock,
        ).step
    return Assembly(Pipeline(stages, clock, beside), source, outages, stopping)


def _state_file(settings: Settings, clock: Callable[[], float]) -> StateFile:
    state = StateFile(Path(settings.state_file), clock, settings.stall_after)
    try:
        state.write("starting")
    except OSError as error:
        raise ConfigurationError(f"WORKER_STATE_FILE cannot be written: {error}") from None
    return state


def _protector(settings: Settings, telemetry: Telemetry, clock: Callable[[], float]) -> Protector | None:
    agent = ecs.Agent.here()
    if agent is None or settings.protection == "off":
        return None
    return Protector(agent, Protection(clock, random.random), telemetry)
