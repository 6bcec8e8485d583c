"""The course of a soak test: photos at a steady rate with faults, then quiet until all is settled."""

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from localstack.services import ServicesError
from tests.soak.faults import MINUTES, OUTAGE, FaultDeck, faults, refuse_unreadable
from tests.soak.readers import Readers
from tests.soak.senders import Senders
from tests.soak.workers import Workers
from tests.support.faults.audit import OWNERS
from tests.support.faults.fault_rig import FaultRig

SAMPLES = Path(__file__).parents[2] / "localstack" / "photos"
PHOTOS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.[jph]*"))]
NO_PHOTO = b"%PDF-1.4 of a menu"
ONE_IN = 30  # every 30th upload, on average, is not a photo
OVERWRITTEN = 8  # so many photos are uploaded for each that is overwritten, on average
READ = 2  # every second upload, on average, is waited for
COPIES = 4  # every fourth upload, on average, is an exact copy of others
TICK = 0.25  # seconds between two checks of what is due
KILL_EVERY = 5.0  # seconds on average until a decoder is killed
LASTS, BETWEEN = (0.5, 8.0), (0.5, 4.0)  # seconds of faults and between them: shortest, longest
SETTLE = 240.0  # seconds; a message nobody can read is received several times until it is a dead letter


@dataclass(slots=True)
class Soak:
    """One run. The same seed gives the same faults in the same order."""

    rig: FaultRig
    workers: Workers
    readers: Readers
    senders: Senders
    seed: int
    rate: float  # photos a second
    hidden: float  # the queue's visibility timeout in seconds
    console: Console
    drawn: Counter[str] = field(default_factory=Counter)
    unsettled: str = ""  # what was left after SETTLE seconds
    _begun: float = field(default_factory=time.monotonic)
    _pause: threading.Event = field(default_factory=threading.Event)

    def run(self, seconds: float) -> None:
        """Upload and break things for so long, wait until everything is settled, stop the workers."""
        rng, photos = random.Random(f"{self.seed}: faults"), random.Random(f"{self.seed}: photos")
        kinds = faults(self.hidden)
        deck = FaultDeck(list(kinds), rng)
        refuse_unreadable(self.rig)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._load(min(left, rng.uniform(*BETWEEN)), photos)
            names = deck.draw()
            lasts = rng.uniform(*(MINUTES if OUTAGE in names else LASTS))
            self.drawn.update(names)
            self._say(f"{' + '.join(names)}, {lasts:.1f} s")
            with ExitStack() as stack:
                for name in names:
                    stack.enter_context(kinds[name](self.rig, self.workers, rng))
                self._load(min(lasts, end - time.monotonic()), photos)
        self._settle()

    def _settle(self) -> None:
        self._say("no more faults; waiting until the queue is empty")
        self.workers.wake_all()
        self.senders.close()
        try:
            self.rig.settles(patience=SETTLE, meanwhile=self.workers.tend)
            self.workers.stop()
            self.readers.close()
        except (AssertionError, ServicesError) as error:
            self.unsettled = str(error)

    def _load(self, seconds: float, photos: random.Random) -> None:
        """Upload at a steady rate, and look after the workers."""
        begun, sent = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * self.rate:
                self._upload(photos)
                sent += 1
            self.workers.tend()
            if photos.random() < TICK / KILL_EVERY:
                self.workers.kill_decoder(photos)
            self._pause.wait(TICK)

    def _upload(self, photos: random.Random) -> None:
        """Upload a photo of one of the owners, or overwrite one; perhaps somebody waits for its result."""
        photo = NO_PHOTO if photos.randrange(ONE_IN) == 0 else photos.choice(PHOTOS)
        good = sorted(set(self.rig.sent).difference(self.rig.bad))
        if photo is not NO_PHOTO and photos.randrange(OVERWRITTEN) == 0 and good:
            name = photos.choice(good)
            self.rig.overwrite(name, photo)
        else:
            folder, copies = f"uploads/{photos.choice(OWNERS)}", photos.randrange(COPIES) == 0
            (name,) = self.rig.upload(1, photo, copies=copies, bad=photo is NO_PHOTO, folder=folder)
        if photos.randrange(READ) == 0:
            self.readers.ask_for(name)

    def _say(self, what: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        counts = f"sent {len(self.rig.sent):5}  written {self.rig.recorder.written:5}"
        self.console.print(f"{minutes:3}:{seconds:02}  {counts}  {what}", highlight=False, soft_wrap=True)
