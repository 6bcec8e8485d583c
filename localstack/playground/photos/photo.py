"""One photo that was sent, and what became of it."""

from dataclasses import dataclass
from typing import Any, Literal

from worker.messages import S3Object
from worker.result import Result

Way = Literal["queue", "direct", "http"]
WAYS: tuple[Way, ...] = ("queue", "direct", "http")
MOST_NAME = 120  # characters


@dataclass(eq=False, slots=True)
class Photo:
    """A photo, or a message that pretends to announce one."""

    image_id: str
    number: int  # 1 for the first
    way: Way
    name: str  # as whoever sent it has it: nothing but data
    is_burst: bool = False
    shows_thumbnail: bool = True  # once it is known that it can be decoded
    state: Literal["sent", "done", "dead"] = "sent"
    sent_at: float | None = None  # monotonic seconds
    ms: float | None = None
    result: Result | None = None
    reason: str = ""  # why it is a dead letter
    object: S3Object | None = None  # where its bytes are in S3
    published: int = 0  # how often its result was
    left_at: float | None = (
        None  # monotonic seconds when its sender was done with it, with or without a result
    )
    is_lost: bool = False

    @property
    def has_thumbnail(self) -> bool:
        """Whether a thumbnail can be made."""
        return self.shows_thumbnail and self.result is not None and self.result.status != "failed"

    def event(self) -> dict[str, Any]:
        """Describe it for the page."""
        return {
            "id": self.image_id,
            "number": self.number,
            "way": self.way,
            "state": self.state,
            "name": self.name,
            "ms": None if self.ms is None else round(self.ms, 1),
            "result": self.result.model_dump(mode="json") if self.result else None,
            "dead": {"reason": self.reason} if self.state == "dead" else None,
            "thumbnail": self.has_thumbnail,
            **({"burst": True} if self.is_burst else {}),
        }


def shown_name(name: str) -> str:
    """Shorten a name, and leave out what cannot be written as UTF-8. The page escapes it."""
    return name.encode(errors="replace").decode()[:MOST_NAME]
