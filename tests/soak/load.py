"""The course of a soak: photos at a steady rate, faults between and during them, then quiet until all is settled."""

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from localstack.services import ServicesError
from tests.soak.crew import Crew
from tests.soak.faults import Deck, faults
from tests.support.faults.fault_rig import FaultRig

SAMPLES = Path(__file__).parents[2] / "localstack" / "photos"
PHOTOS = [path.read_bytes() for path in sorted(SAMPLES.glob("*.[jph]*"))]
NO_PHOTO = b"%PDF-1.4 of a menu"
ONE_IN = 30  # uploads of which one is no photo
COPIES = 4  # uploads of which one is an exact copy of others
TICK = 0.25  # seconds between two looks at what is due
LASTS, BETWEEN = (0.5, 8.0), (0.5, 4.0)  # seconds: shortest and longest
SETTLE = 240.0  # seconds: a poison message is received so many times before it is a dead letter


@dataclass(slots=True)
class Soak:
    """One run. The same seed gives the same faults in the same order, however many photos go between them."""

    rig: FaultRig
    crew: Crew
    seed: int
    rate: float  # photos a second
    hidden: float  # the queue's visibility timeout in seconds
    console: Console
    drawn: Counter[str] = field(default_factory=Counter)
    unsettled: str = ""  # what was left when patience ended
    _begun: float = field(default_factory=time.monotonic)
    _pause: threading.Event = field(default_factory=threading.Event)

    def run(self, seconds: float) -> None:
        """Load and faults for so long, then quiet until everything is settled, and every worker has stopped."""
        chance, photos = random.Random(f"{self.seed}: faults"), random.Random(f"{self.seed}: photos")
        kinds = faults(self.hidden)
        deck = Deck(list(kinds), chance)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._load(min(left, chance.uniform(*BETWEEN)), photos)
            names, lasts = deck.draw(), chance.uniform(*LASTS)
            self.drawn.update(names)
            self._say(f"{' + '.join(names)}, {lasts:.1f} s")
            with ExitStack() as stack:
                for name in names:
                    stack.enter_context(kinds[name](self.rig, self.crew, chance))
                self._load(min(lasts, end - time.monotonic()), photos)
        self._settle()

    def _settle(self) -> None:
        self._say("no more faults; waiting until the queue is empty")
        self.crew.wake_all()
        try:
            self.rig.settles(patience=SETTLE, meanwhile=self.crew.tend)
            self.crew.stop()
        except (AssertionError, ServicesError) as error:
            self.unsettled = str(error)

    def _load(self, seconds: float, photos: random.Random) -> None:
        """Upload at a steady rate, and see to the workers."""
        begun, sent = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * self.rate:
                photo = NO_PHOTO if photos.randrange(ONE_IN) == 0 else photos.choice(PHOTOS)
                self.rig.upload(1, photo, copies=photos.randrange(COPIES) == 0)
                sent += 1
            self.crew.tend()
            self._pause.wait(TICK)

    def _say(self, what: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
        counts = f"sent {len(self.rig.sent):5}  written {self.rig.writes.counts.total():5}"
        self.console.print(f"{minutes:3}:{seconds:02}  {counts}  {what}", highlight=False, soft_wrap=True)
