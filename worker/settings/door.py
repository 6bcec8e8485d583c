"""Declares the settings of the second way in, by HTTP. All begin with `WORKER_DOOR_`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from worker.settings.values import Bucket, Names, Tokens, number


class DoorSettings(BaseModel):
    """The settings of the door, immutable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    door_port: int = number(0, 0, 65_535, "port")
    """Port where photos are accepted by HTTP. 0: none."""
    door_most: int = number(0, 0, 100_000, "photos")
    """Most photos of the door that are in work at a time. 0: as many as are likely to be scored within the
    objective, by the measured rate."""
    door_memory: int = number(256, 1, 1_048_576, "MB")
    """Memory for photos that are being received or wait to be decoded. A request that finds none is refused."""
    door_connections: int = number(512, 8, 100_000, "connections")
    """Most connections at a time. Beyond them, idle ones are told 503 and closed; while all are busy, only health
    checks and metrics are answered."""
    door_share: float = number(0.5, 0.05, 0.95, "of the photos")
    """The door's share of the photos while both ways bring more than the worker can do. Either alone gets all."""
    door_wait: float = number(10, 0.1, 300, "s")
    """Longest time that a request waits for its result."""
    door_body_timeout: float = number(10, 1, 300, "s")
    """Longest time that a client may take to send its headers, again to send its photo, and again to read what it
    is sent."""
    door_keep_alive: float = number(75, 1, 3_600, "s")
    """How long an idle connection stays open. Keep it above the load balancer's idle timeout (60 s)."""
    door_linger: float = number(0, 0, 110, "s")
    """How long a stop goes on accepting photos, while the load balancer learns that it should send no more."""
    door_tokens: Tokens = ()
    """Tokens that clients may present as `Authorization: Bearer …`, separated by commas; several, to replace one
    by another. Empty: everybody may send photos."""
    door_origins: Names = ()
    """Origins of web pages that may send photos from a browser, separated by commas; `*` for any."""
    door_page: Literal["off", "view", "ids"] = "off"
    """Whether the door shows a page where one sees the worker at work: not at all, without any names, or with the
    image ids of photos and the reasons of outages. Nothing can be sent or changed there. Where there are tokens, it
    asks for one."""
    door_bucket: Bucket = ""
    """Bucket to store photos in that come by HTTP. Empty: they are stored nowhere."""
    door_prefix: str = ""
    """What the keys of stored photos begin with, such as `uploads/`."""
