"""The faults of a soak test. The name of each begins with the part that fails."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from bench.hostile import photos as hostile
from localstack.faults import gateway
from localstack.faults.exchange import Exchange
from tests.soak.workers import Workers
from tests.support.faults.audit import OWNERS
from tests.support.faults.fault_rig import FaultRig
from tests.support.faults.planting import breaking

BROKEN = ("no JSON", "{}", '{"Records": [{"eventVersion": "9.9"}]}')
AGAIN = 5  # photos that are announced again at a time
AT_A_TIME = 3  # photos that cannot be read, cost too much or end their decoder
READ = "s3.GetObject"
UNREADABLE = {"locked": "AccessDenied", "archived": "InvalidObjectState"}  # folder: S3's code for its objects
BREAKING = ("segfault", "abort", "killed", "spin", "hang", "allocate")
OUTAGE = "S3 is away for minutes"
MINUTES = (60.0, 150.0)  # seconds that an outage of minutes lasts: shortest, longest
TWO_IN = 3  # every third draw, on average, is of two faults

Strike = Callable[[FaultRig, Workers, random.Random], None]
Fault = Callable[[FaultRig, Workers, random.Random], AbstractContextManager[None]]


def once(strike: Strike) -> Fault:
    """A fault that happens in a moment."""
    return lasting(strike, lambda *_: None)


def lasting(begin: Strike, end: Strike) -> Fault:
    """A fault that lasts for a while."""

    @contextmanager
    def fault(rig: FaultRig, workers: Workers, rng: random.Random) -> Iterator[None]:
        begin(rig, workers, rng)
        try:
            yield
        finally:
            end(rig, workers, rng)

    return fault


def broken(what: str, how: gateway.Fault) -> Fault:
    """A service fails, or one of its operations."""
    return lasting(lambda rig, *_: rig.gateway.break_(what, how), lambda rig, *_: rig.gateway.mend(what))


def photos_broken(how: gateway.Fault) -> Fault:
    """Reads of photos fail. Those of UNREADABLE are refused all the time."""
    return lasting(
        lambda rig, *_: rig.gateway.break_(READ, refusing(how)), lambda rig, *_: refuse_unreadable(rig)
    )


def refuse_unreadable(rig: FaultRig) -> None:
    """Refuse the photos of UNREADABLE from now on, and no others."""
    rig.gateway.break_(READ, refusing(lambda exchange: exchange.reply(exchange.forward())))


def refusing(how: gateway.Fault) -> gateway.Fault:
    """Refuse the photos of UNREADABLE as S3 does; `how` answers for all others."""

    def answer(exchange: Exchange) -> None:
        code = next((code for folder, code in UNREADABLE.items() if f"/{folder}/" in exchange.path), "")
        if code:
            exchange.error(403, code)
        else:
            how(exchange)

    return answer


def unreadable(rig: FaultRig, _workers: Workers, rng: random.Random) -> None:
    """Upload photos that S3 refuses to give."""
    for _ in range(AT_A_TIME):
        folder = f"{rng.choice(list(UNREADABLE))}/{rng.choice(OWNERS)}"
        rig.upload(1, hostile.tiny("JPEG"), folder=folder, bad=True)


def poison(rig: FaultRig, _workers: Workers, rng: random.Random) -> None:
    """Send a message that nobody can read."""
    rig.send(rng.choice(BROKEN))
    rig.poison += 1


def announce_again(rig: FaultRig, _workers: Workers, rng: random.Random) -> None:
    """Announce earlier photos a second time, as S3 does now and then."""
    good = sorted(set(rig.sent).difference(rig.bad))
    for name in rng.sample(good, min(AGAIN, len(good))):
        rig.send(rng.choice(rig.announced[name]))


def scan_bombs(rig: FaultRig, _workers: Workers, rng: random.Random) -> None:
    """Upload photos of very many scans."""
    rig.upload(
        AT_A_TIME,
        hostile.many_scans(2_000, rng.randint(200, 2_000)),
        bad=True,
        folder=f"uploads/{rng.choice(OWNERS)}",
    )


def crashers(rig: FaultRig, _workers: Workers, rng: random.Random) -> None:
    """Upload photos that end their decoder, or keep it too long."""
    for _ in range(AT_A_TIME):
        photo = hostile.tiny("JPEG") + rng.randbytes(8)
        rig.upload(
            1,
            breaking(photo, rng.choice(BREAKING)),
            copies=True,
            bad=True,
            folder=f"uploads/{rng.choice(OWNERS)}",
        )


def faults(hidden: float) -> dict[str, Fault]:
    """All faults by name, for a queue with a visibility timeout of `hidden` seconds."""
    return {
        "worker killed": once(lambda _, workers, rng: workers.kill_one(rng)),
        "worker stopped": once(lambda _, workers, rng: workers.stop_one(rng)),
        "worker stopped in a hurry": once(lambda _, workers, rng: workers.stop_one(rng, hurried=True)),
        "worker frozen for moments": once(lambda _, workers, rng: workers.freeze_one(rng, hidden / 4)),
        "worker frozen beyond its leases": once(
            lambda _, workers, rng: workers.freeze_one(rng, hidden * 1.5)
        ),
        OUTAGE: photos_broken(gateway.unavailable),
        "S3 answers 503": photos_broken(gateway.unavailable),
        "S3 cuts photos short": photos_broken(gateway.cut_short),
        "S3 breaks connections": photos_broken(gateway.reset),
        "S3 is slow": photos_broken(gateway.slow(2)),
        "S3 trickles": photos_broken(gateway.trickling(3)),
        "S3 hangs": photos_broken(gateway.hanging),
        "SQS answers 503": broken("sqs", gateway.unavailable),
        "SQS throttles": broken("sqs", gateway.throttle),
        "SQS breaks connections": broken("sqs", gateway.reset),
        "SQS hangs": broken("sqs", gateway.hanging),
        "SQS's messages are lost on their way": broken("sqs.ReceiveMessage", gateway.answer_lost),
        "SQS's answers to deletes are lost": broken("sqs.DeleteMessageBatch", gateway.answer_lost),
        "SQS deletes half of a batch": broken("sqs.DeleteMessageBatch", gateway.every_second_entry_refused),
        "SQS extends half of a batch": broken(
            "sqs.ChangeMessageVisibilityBatch", gateway.every_second_entry_refused
        ),
        "network away": lasting(
            lambda rig, *_: rig.gateway.go_away(), lambda rig, *_: rig.gateway.come_back()
        ),
        "Redis refuses connections": lasting(
            lambda rig, *_: rig.wire.set("refuse"), lambda rig, *_: rig.wire.set("open")
        ),
        "Redis says nothing": lasting(
            lambda rig, *_: rig.wire.set("hang"), lambda rig, *_: rig.wire.set("open")
        ),
        "Redis is frozen": lasting(lambda rig, *_: rig.valkey.freeze(), lambda rig, *_: rig.valkey.thaw()),
        "Redis is read-only": lasting(
            lambda rig, *_: rig.valkey.become_replica(), lambda rig, *_: rig.valkey.become_primary()
        ),
        "Redis is full": lasting(lambda rig, *_: rig.valkey.fill(), lambda rig, *_: rig.valkey.make_room()),
        "Redis's connections break": once(lambda rig, *_: rig.wire.cut()),
        "photos of many scans": once(scan_bombs),
        "photos that break their decoder": once(crashers),
        "photos that S3 refuses": once(unreadable),
        "bucket's versioning suspended": lasting(
            lambda rig, *_: rig.version("Suspended"), lambda rig, *_: rig.version("Enabled")
        ),
        "messages nobody can read": once(poison),
        "messages announced again": once(announce_again),
    }


@dataclass(slots=True)
class FaultDeck:
    """Draws faults at random, each once before any is drawn again, like cards from a deck."""

    names: list[str]
    rng: random.Random
    _left: list[str] = field(default_factory=list)

    def draw(self) -> list[str]:
        """Draw one fault, or sometimes two of different parts."""
        drawn = [self._next()]
        if self.rng.randrange(TWO_IN) == 0:
            second = self._next()
            if _part(second) == _part(drawn[0]):
                self._left.append(second)
            else:
                drawn.append(second)
        return drawn

    def _next(self) -> str:
        if not self._left:
            self._left = self.rng.sample(self.names, len(self.names))
        return self._left.pop()


def _part(name: str) -> str:
    return name.split(maxsplit=1)[0].removesuffix("'s")
