"""Redis: results, written atomically and published; the hashes seen before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import redis
from pydantic import ValidationError
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from worker.errors import ConfigurationError, StoreError
from worker.result import DuplicateOf, Result

SUBSCRIBE_WAIT = 5.0  # seconds

# Compare and write as one step, so that of two workers with the same photo one writes, and an older event never
# overwrites a newer one. The rules are worker/idempotency.py's; and that an object is gone now, of which nothing else
# is known, takes no score away.
_WRITE = """
local function padded(hex, width) return string.upper(hex) .. string.rep('0', width - #hex) end
local function older(a, b)
  if type(a) ~= 'string' or type(b) ~= 'string' or a == '' or b == '' then return false end
  local width = math.max(#a, #b)
  return padded(a, width) < padded(b, width)
end
local function same_models(a, b)
  for name, version in pairs(a) do if b[name] ~= version then return false end end
  for name in pairs(b) do if a[name] == nil then return false end end
  return true
end
local function needless(old, new)
  local s, n = old.source, new.source
  if s.bucket ~= n.bucket or s.key ~= n.key then return false end
  if older(n.sequencer, s.sequencer) then return true end
  if type(new.error) == 'table' and new.error.code == 'object_gone' and old.status ~= 'failed'
    and type(n.etag) ~= 'string' and type(n.version_id) ~= 'string' then return true end
  if type(old.error) == 'table' and old.error.code == 'object_gone' then return false end
  if not same_models(old.models, new.models) then return false end
  if type(s.version_id) == 'string' and type(n.version_id) == 'string' then return s.version_id == n.version_id end
  return type(s.etag) == 'string' and s.etag == n.etag
end
local function known(text) return type(text) == 'string' and text ~= '' end
local function content(s) return known(s.version_id) and s.version_id or known(s.etag) and s.etag or '' end
local function overtaken(old, new, seen)
  local s, n = old.source, new.source
  if s.bucket ~= n.bucket or s.key ~= n.key or (known(s.sequencer) and known(n.sequencer)) then return false end
  if type(old.error) == 'table' and old.error.code == 'object_gone' then return false end
  return content(s) ~= content(n) and content(s) ~= seen
end
local function verdict(old, new, seen)
  return needless(old, new) and 'known' or overtaken(old, new, seen) and 'overtaken'
end
local stored = redis.pcall('GET', KEYS[1])
if type(stored) == 'string' then
  local read, said = pcall(function() return verdict(cjson.decode(stored), cjson.decode(ARGV[1]), ARGV[3]) end)
  if read and said then return said end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 'written'
"""

# Take a hash unless another photo has it. What is no string is none of ours, and is replaced.
_CLAIM = """
local owner = redis.pcall('GET', KEYS[1])
if type(owner) == 'string' then return owner end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return false
"""


class ResultStore:
    """Thread-safe. `key` is a template with {image_id}, `expiry` is in seconds."""

    def __init__(self, client: "redis.Redis", key: str, expiry: int) -> None:
        self._redis = client
        self._key = key
        self._expiry = expiry
        self._write = client.register_script(_WRITE)
        self._claim = client.register_script(_CLAIM)

    @classmethod
    def connect(cls, url: str, *, key: str, expiry: int, timeout: float) -> Self:
        """Make a store with short time-outs, in seconds, and bounded retries; nothing is sent yet."""
        try:
            client = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                health_check_interval=15,
                retry=Retry(
                    ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=1
                ),  # commit goes on trying
                decode_responses=True,
                encoding_errors="replace",  # what is not ours does not read as a result, and is overwritten
            )
        except (ValueError, TypeError, redis.RedisError):
            # Not the error's own text: it may quote a part of the password.
            raise ConfigurationError(
                "the Redis URL is not valid (special characters of a password must be percent-encoded)"
            ) from None
        return cls(client, key, expiry)

    def check(self) -> None:
        """Raise ConfigurationError unless Redis answers."""
        try:
            self._redis.ping()
        except (redis.RedisError, OSError, UnicodeError) as error:
            raise ConfigurationError(f"Redis cannot be reached: {error}") from None

    def find(self, image_ids: Sequence[str]) -> list[Result | None]:
        """Give the stored result of each id; None too for what is no result of ours. Raises StoreError."""
        if not image_ids:
            return []
        try:
            stored: Any = self._redis.mget([self._key_of(image_id) for image_id in image_ids])
        except (redis.RedisError, OSError) as error:
            raise StoreError(_reason(error)) from error
        return [_parsed(text) for text in stored]

    def claim_hashes(self, results: Sequence[Result]) -> list[DuplicateOf | None]:
        """Let each photo claim its hash unless an earlier one has it: which one that is. Raises StoreError."""
        hashed = [result for result in results if result.image_hash is not None]
        with self._redis.pipeline(transaction=False) as pipe:
            for result in hashed:
                key = f"hash:{result.image_hash}"
                self._claim(keys=[key], args=[result.image_id, self._expiry], client=pipe)
            owners = dict(zip((r.image_id for r in hashed), self._run(pipe), strict=True)) if hashed else {}
        return [_duplicate(result.image_id, owners.get(result.image_id)) for result in results]

    def write(self, results: Sequence[Result], seen: Sequence[str]) -> list[str]:
        """Write and publish each result: `written`, or `known` where one as good is stored. Raises StoreError.

        `overtaken` where it would replace content that is not what was `seen` at the look-up, and may be newer.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            for result, content in zip(results, seen, strict=True):
                key = self._key_of(result.image_id)
                self._write(keys=[key], args=[result.model_dump_json(), self._expiry, content], client=pipe)
            return [str(said) for said in self._run(pipe)]

    @contextmanager
    def announcements(self, image_id: str) -> Iterator["Announcements"]:
        """Subscribe to a photo's channel; on entering, the subscription is confirmed. Raises StoreError."""
        pubsub = self._redis.pubsub()  # type: ignore[no-untyped-call] # redis-py leaves this one untyped
        try:
            pubsub.subscribe(self._key_of(image_id))
            pubsub.get_message(timeout=SUBSCRIBE_WAIT)  # Redis's confirmation
            yield Announcements(pubsub)
        except (redis.RedisError, OSError) as error:
            raise StoreError(_reason(error)) from error
        finally:
            pubsub.close()

    def _key_of(self, image_id: str) -> str:
        return self._key.replace("{image_id}", image_id)

    def _run(self, pipe: Any) -> list[Any]:
        try:
            answers: list[Any] = pipe.execute()
        except (
            redis.ReadOnlyError
        ) as error:  # a failover: the name leads to the new primary, old connections do not
            self._redis.connection_pool.disconnect(inuse_connections=False)
            raise StoreError(_reason(error)) from error
        except (redis.RedisError, OSError) as error:
            raise StoreError(_reason(error)) from error
        return answers


class Announcements:
    """Results published on one channel."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def next(self, timeout: float) -> Result | None:
        """Wait up to `timeout` seconds for the next one."""
        message = self._pubsub.get_message(timeout=timeout)
        return _parsed(message["data"]) if message and message["type"] == "message" else None


def _duplicate(image_id: str, owner: str | None) -> DuplicateOf | None:
    return None if owner in {None, image_id} else DuplicateOf(image_id=str(owner), distance=0, kind="near")


def _parsed(text: str | None) -> Result | None:
    try:
        return Result.model_validate_json(text) if text else None
    except ValidationError:
        return None  # the key is ours, so what does not read as a result is overwritten by one


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
