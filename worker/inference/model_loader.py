"""Bundles → replicas: which runtime runs the models, how many of them side by side, and where; all warmed up.

A replica is all models that run on the same photos, on one device. Each replica is for one thread; several run in
parallel, fed from one queue. On a CPU LiteRT takes TensorFlow's place where it is measured faster and answers the same.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from worker.adapters.tensorflow import frozen_model, litert_model
from worker.adapters.tensorflow.frozen_graph import freeze
from worker.adapters.tensorflow.frozen_model import FrozenModel
from worker.adapters.tensorflow.litert_model import InterpretedModel
from worker.errors import ConfigurationError, ConversionError, ModelError
from worker.inference import engine_trial, free_memory
from worker.inference.bundle import Bundle
from worker.inference.serving import Serving
from worker.settings import Settings
from worker.telemetry.counters import Telemetry

Model = FrozenModel | InterpretedModel
Replica = tuple[Model, ...]  # in the order of the bundles


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is shared by all steps of a start."""

    bundles: Sequence[Bundle]
    settings: Settings
    telemetry: Telemetry
    checkpoint: Callable[[], None]
    clock: Callable[[], float]
    count: int  # replicas
    threads: int  # CPU threads of one call


def load(
    bundles: Sequence[Bundle],
    settings: Settings,
    telemetry: Telemetry,
    checkpoint: Callable[[], None] = lambda: None,
    *,
    cores: int,
    clock: Callable[[], float] = time.monotonic,
) -> list[Replica]:
    """Choose the engine, load the models and run them warm; `checkpoint` is called again and again meanwhile.

    Replicas that share a device may share their models, when these are made for several threads.
    Raises ConfigurationError when a bundle does not fit the others, its model or the engine that was asked for.
    """
    _check_side_by_side(bundles)
    gpus = 0 if settings.engine == "litert" else len(frozen_model.GPUS)
    count = settings.replicas or gpus or cores
    plan = _Plan(bundles, settings, telemetry, checkpoint, clock, count, _threads(settings, cores, count))
    frozen_model.configure(plan.threads, count, settings.precision)
    telemetry.event("warming_up", batch_sizes=settings.batch_size, devices=frozen_model.DEVICES)
    replicas = list(_chosen(plan))
    free_memory.give_back()  # what loading took, and the engine that was not chosen
    _warm_up(plan, replicas)
    return replicas


def load_beside(
    serving: Serving,
    settings: Settings,
    telemetry: Telemetry,
    bundles: Sequence[Bundle],
    checkpoint: Callable[[], None],
    *,
    cores: int,
    clock: Callable[[], float] = time.monotonic,
) -> list[Replica]:
    """Load other versions for as many replicas as serve, on their engine, and run them warm.

    There is no race under load: LiteRT is taken where it serves and answers the same as TensorFlow once more. Raises
    ConfigurationError as `load` does.
    """
    _check_side_by_side(bundles)
    count = len(serving.replicas)
    plan = _Plan(bundles, settings, telemetry, checkpoint, clock, count, _threads(settings, cores, count))
    frozen = _on_tensorflow(plan)
    replicas = _alike(plan, frozen) if isinstance(serving.replicas[0][0], InterpretedModel) else frozen
    _warm_up(plan, replicas)
    return list(replicas)


def _threads(settings: Settings, cores: int, count: int) -> int:
    return settings.model_threads or max(1, cores // count)


def seconds_by_size(replica: Replica) -> dict[int, float]:
    """What a batch took at warm-up on all models of a replica, by batch size; sizes that each of them timed."""
    times = [model.seconds_by_size for model in replica]
    return {
        size: sum(each[size] for each in times) for size in times[0] if all(size in each for each in times)
    }


def _check_side_by_side(bundles: Sequence[Bundle]) -> None:
    first = bundles[0]
    for other in bundles[1:]:
        if other.manifest.input != first.manifest.input:
            raise ConfigurationError(
                f"{other.path} and {first.path} take different photos; side by side they need the same [input]"
            )
    if len({bundle.name for bundle in bundles}) < len(bundles):
        raise ConfigurationError(
            "WORKER_MODEL names two models of the same name; results need different ones"
        )


def _chosen(plan: _Plan) -> Sequence[Replica]:
    frozen = _on_tensorflow(plan)
    if plan.settings.engine == "tensorflow" or (plan.settings.engine == "auto" and frozen_model.GPUS):
        plan.telemetry.event("engine_chosen", engine="tensorflow", replicas=plan.count, threads=plan.threads)
        return frozen
    if plan.settings.engine == "litert":
        interpreted = _on_litert(plan, frozen[0])
        plan.telemetry.event("engine_chosen", engine="litert", replicas=plan.count, threads=plan.threads)
        return interpreted
    return _tried(plan, frozen)


def _on_tensorflow(plan: _Plan) -> list[tuple[FrozenModel, ...]]:
    devices = frozen_model.devices()
    graphs = []
    for bundle in plan.bundles:
        plan.checkpoint()
        graphs.append(freeze(bundle))
    free_memory.give_back()  # the peak of what follows need not stand on that of loading
    settings, padded = plan.settings, partial(plan.telemetry.count, "padded_rows")
    there = {
        device: tuple(
            FrozenModel(
                bundle, settings.batch_size, device=device, pad_to=settings.pad_to, padded=padded, graph=graph
            )
            for bundle, graph in zip(plan.bundles, graphs, strict=True)
        )
        for device in devices[: plan.count]
    }
    return [there[devices[number % len(devices)]] for number in range(plan.count)]


def _on_litert(plan: _Plan, frozen: Sequence[FrozenModel]) -> Sequence[Replica]:
    converted = []
    for model in frozen:
        plan.checkpoint()
        converted.append((model.bundle, litert_model.convert(model)))
    free_memory.give_back()
    size, threads = plan.settings.batch_size, plan.threads
    return [
        tuple(InterpretedModel(bundle, bytes_, size, threads) for bundle, bytes_ in converted)
        for _ in range(plan.count)
    ]


def _tried(plan: _Plan, frozen: Sequence[tuple[FrozenModel, ...]]) -> Sequence[Replica]:
    """Take LiteRT where it is measured faster, with all replicas at work, and answers the same."""
    begun, photos = plan.clock(), _photos(plan)
    try:
        interpreted = _on_litert(plan, frozen[0])
        difference = _difference(frozen[0], interpreted[0], photos)
        before, after = engine_trial.race([frozen, interpreted], photos, plan.clock, plan.checkpoint)
    except (ConversionError, ModelError) as error:
        plan.telemetry.event("engine_chosen", engine="tensorflow", reason=str(error))
        return frozen
    taken = engine_trial.takes_over(before, after, difference)
    plan.telemetry.event(
        "engine_chosen",
        engine="litert" if taken else "tensorflow",
        tensorflow_photos_per_s=round(before, 1),
        litert_photos_per_s=round(after, 1),
        difference=float(f"{difference:.2g}"),
        tolerance=engine_trial.TOLERANCE,
        replicas=plan.count,
        threads=plan.threads,
        seconds=round(plan.clock() - begun, 2),
    )
    return interpreted if taken else frozen


def _alike(plan: _Plan, frozen: Sequence[tuple[FrozenModel, ...]]) -> Sequence[Replica]:
    """LiteRT, unless nobody insists on it and it cannot run these versions or answers otherwise."""
    if plan.settings.engine == "litert":
        return _on_litert(plan, frozen[0])
    try:
        interpreted = _on_litert(plan, frozen[0])
        difference = _difference(frozen[0], interpreted[0], _photos(plan))
    except (ConversionError, ModelError) as error:
        plan.telemetry.event("engine_chosen", engine="tensorflow", reason=str(error))
        return frozen
    if difference > engine_trial.TOLERANCE:
        plan.telemetry.event("engine_chosen", engine="tensorflow", difference=float(f"{difference:.2g}"))
        return frozen
    return interpreted


def _photos(plan: _Plan) -> engine_trial.Photos:
    given = plan.bundles[0].manifest.input
    size = min(engine_trial.BATCH, plan.settings.batch_size)
    size = next((allowed for allowed in plan.settings.pad_to if allowed >= size), size)
    return engine_trial.random_photos(size, given.height, given.width)


def _difference(one: Replica, other: Replica, photos: engine_trial.Photos) -> float:
    """Largest of any model's."""
    return max(engine_trial.difference(*pair, photos) for pair in zip(one, other, strict=True))


def _warm_up(plan: _Plan, replicas: Sequence[Replica]) -> None:
    for bundle, models in zip(plan.bundles, zip(*replicas, strict=True), strict=True):
        begun = plan.clock()
        for model in dict.fromkeys(models):  # each once
            model.warm_up(plan.checkpoint)
        plan.telemetry.event(
            "warmed_up",
            model=bundle.name,
            version=bundle.version,
            largest_batch=min(model.largest_batch for model in models),
            seconds=round(plan.clock() - begun, 2),
        )
