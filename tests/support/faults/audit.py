"""Checks every call between workers and SQS against the worker's promises."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

Fields = Mapping[str, Any]


@dataclass(slots=True)
class _Receipt:
    """One delivery of a message."""

    message_id: str
    image_ids: Sequence[str]
    hidden_until: float  # by our clock, counted from after the call, in the worker's favour


@dataclass(slots=True)
class Audit:
    """Thread-safe. `violations` must be empty at the end; `counts` and `receives` have what was seen.

    `store` must answer or fail soon, without retries: calls of workers wait for it.
    """

    store: "redis.Redis"
    heard: Callable[[str], None]  # told of each photo that a received message announces
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    receives: Counter[str] = field(default_factory=Counter)  # by message
    _receipts: dict[str, _Receipt] = field(default_factory=dict)  # by receipt handle
    _latest: dict[str, str] = field(default_factory=dict)  # message → receipt handle
    _unseen: set[str] = field(default_factory=set)  # images whose result could not be looked up at the delete
    _lock: Any = field(default_factory=threading.Lock)

    def before(self, operation: str, request: Fields) -> None:
        """Check a call before SQS sees it."""
        now, deleted = time.monotonic(), list[str]()
        with self._lock:
            entries = _entries(request)
            ids = [entry.get("Id") for entry in entries]
            if len(set(ids)) < len(ids):
                self.violations.append(f"{operation} repeats an Id: {ids}")
            images = [i for entry in entries for i in self._check_handle(operation, entry, now)]
            if operation.startswith("DeleteMessage"):
                self.counts["deleted"] += len(entries)
                deleted = images
        self._check_written(deleted)  # without the lock: a frozen store must not make other calls late

    def after(self, operation: str, request: Fields, answer: Fields) -> None:
        """Note what SQS has done."""
        with self._lock:
            if operation == "ReceiveMessage":
                for message in answer.get("Messages", []):
                    self._note_receive(message, request.get("VisibilityTimeout", 30))
            elif operation.startswith("ChangeMessageVisibility"):
                failed = {entry["Id"] for entry in answer.get("Failed", [])}
                for entry in _entries(request):
                    if entry.get("Id") not in failed:
                        self._hidden(entry["ReceiptHandle"], entry["VisibilityTimeout"])

    def complain(self, of: str) -> None:
        """Note another violation."""
        with self._lock:
            self.violations.append(of)

    def unwritten(self) -> list[str]:
        """Images without a result whose message was deleted while Redis could not be asked."""
        return [image_id for image_id in self._unseen if not self.store.exists(f"result:{image_id}")]

    def _note_receive(self, message: Fields, seconds: float) -> None:
        self.counts["received"] += 1
        self.counts["redelivered"] += message["MessageId"] in self._latest
        self.receives[message["MessageId"]] += 1
        receipt = _Receipt(message["MessageId"], image_ids(message["Body"]), time.monotonic() + seconds)
        self._receipts[message["ReceiptHandle"]] = receipt
        for name in receipt.image_ids:
            self.heard(name)
        self._latest[message["MessageId"]] = message["ReceiptHandle"]

    def _hidden(self, handle: str, seconds: float) -> None:
        self.counts["released" if seconds == 0 else "hidden"] += 1
        if handle in self._receipts:
            self._receipts[handle].hidden_until = time.monotonic() + seconds

    def _check_handle(self, operation: str, entry: Fields, now: float) -> Sequence[str]:
        """Complain about a stale receipt handle; return the images that its message announces."""
        receipt = self._receipts.get(entry["ReceiptHandle"])
        if receipt is None:
            self.violations.append(f"{operation} with a receipt handle that nobody was given")
            return []
        what, late = f"{operation} of {list(receipt.image_ids)}", now - receipt.hidden_until
        if self._latest[receipt.message_id] != entry["ReceiptHandle"]:
            self.violations.append(f"{what} with the handle of an earlier receive")
        elif late > 0:
            self.violations.append(f"{what} {late:.2f} s after its visibility ran out")
        return receipt.image_ids

    def _check_written(self, deleted: Sequence[str]) -> None:
        try:
            stored: Any = self.store.mget([f"result:{i}" for i in deleted]) if deleted else []
        except (redis.RedisError, OSError):
            with self._lock:
                self._unseen.update(deleted)
            return
        for image_id, result in zip(deleted, stored, strict=True):
            if result is None:
                self.complain(f"{image_id}: deleted before its result was written")


OWNERS = ("anna", "bert")  # of photos, where keys name owners
# The end of a key with an image id, after its owner if it has one: …/id.jpg, …/owner/id.jpg
_NAME = re.compile(rf"/(?:({'|'.join(OWNERS)})/)?([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})[^/]*$")


def name_of(key: str) -> str:
    """Name the photo of a key by its image id, after its owner and a colon if it has one. Empty for other keys."""
    found = _NAME.search(key)
    return ":".join(part for part in found.groups() if part) if found else ""


def image_ids(body: str) -> list[str]:
    """Return the names of the photos that a message announces or asks for; none for any other body."""
    try:
        fields = json.loads(body)
        records = [r for r in fields.get("Records", []) if r["eventName"].startswith("ObjectCreated")]
        keys = [r["s3"]["object"]["key"] for r in records] or [fields.get("key", "")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return [name for key in keys if (name := name_of(key))]


def _entries(request: Fields) -> list[Any]:
    return list(request.get("Entries") or ([request] if "ReceiptHandle" in request else []))
