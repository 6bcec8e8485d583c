"""What may happen to photos in a run. Times are in seconds on one clock."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from worker.messages import PhotoId, S3Object
from worker.result import Result


@dataclass(frozen=True, slots=True)
class Put:
    """An object was stored; `at` is when its PUT began."""

    at: float
    photo: PhotoId
    object: S3Object


@dataclass(frozen=True, slots=True)
class Deleted:
    """The object was deleted; its photo may come to nothing from now on."""

    at: float
    photo: PhotoId


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker received a message that announces the photo."""

    at: float
    photo: PhotoId


@dataclass(frozen=True, slots=True)
class Published:
    """A result was written and published on the channel of this photo."""

    at: float
    photo: PhotoId
    result: Result


@dataclass(frozen=True, slots=True)
class Read:
    """Somebody waited for the photo's result, and was given it or gave up."""

    begun: float
    at: float
    photo: PhotoId
    found: Result | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A worker accepted the photo by HTTP."""

    at: float
    photo: PhotoId
    request: str  # its name
    sha256: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The request was answered: with a result, or with the code of what went wrong."""

    at: float
    photo: PhotoId
    request: str
    code: str
    found: Result | None
    begun: float | None = None  # when the client sent it, if the answer may be of any moment since


@dataclass(frozen=True, slots=True)
class Broken:
    """The request's worker was killed: nobody can answer it."""

    at: float
    photo: PhotoId
    request: str


@dataclass(frozen=True, slots=True)
class Emptied:
    """The store lost everything that it had."""

    at: float


Event = Put | Deleted | Asked | Published | Read | Sent | Answered | Broken | Emptied


@dataclass(slots=True)
class Life:
    """All that happened to one photo, each kind in the order of its time."""

    photo: PhotoId
    puts: list[Put] = field(default_factory=list)
    deletes: list[Deleted] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def lives(events: Iterable[Event]) -> Mapping[PhotoId, Life]:
    """Sort events by their photo and their time."""
    found: dict[PhotoId, Life] = defaultdict(lambda: Life(PhotoId("")))
    for event in sorted(events, key=lambda event: event.at):
        if isinstance(event, Emptied):
            continue
        life = found[event.photo]
        life.photo = event.photo
        match event:
            case Put():
                life.puts.append(event)
            case Deleted():
                life.deletes.append(event)
            case Asked():
                life.asked.append(event)
            case Published():
                life.published.append(event)
            case Read():
                life.reads.append(event)
            case Sent():
                life.sent.append(event)
            case Answered():
                life.answers.append(event)
            case Broken():
                life.broken.append(event)
    return dict(found)
