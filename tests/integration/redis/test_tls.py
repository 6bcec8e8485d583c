"""Tests of Redis as on ElastiCache: TLS, and a user with only the rights that the worker needs."""

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme

from localstack.services import Services
from tests.integration.redis.photos import connect, find_look_alike, photo
from tests.support.door_readers import ReadersRig, until
from tests.support.redis_rights import RIGHTS
from tests.support.results import make_result
from tests.support.rig import Rig
from worker.adapters.redis.store import RedisStore
from worker.errors import ConfigurationError
from worker.messages import Answer, PhotoId, Written
from worker.results.store import Tries

HOST = "127.0.0.1"
PASSWORD = "s3cret/with:odd@signs"
QUOTED = "s3cret%2Fwith%3Aodd%40signs"


class TlsTerminator:
    """Accepts TLS connections and forwards their bytes in the clear: the server's wheel has no TLS."""

    def __init__(self, upstream_port: int, context: ssl.SSLContext) -> None:
        self._upstream_port = upstream_port
        self._context = context
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):  # ssl.SSLError is one: the client does not trust us
            client.settimeout(10)
            with (
                self._context.wrap_socket(client, server_side=True) as safe,
                socket.create_connection((HOST, self._upstream_port), 10) as server,
            ):
                while _forward(safe, server):
                    pass


def _forward(safe: ssl.SSLSocket, server: socket.socket) -> bool:
    """Pass on what has come. In one thread: two may not use one TLS connection at once. False at the end."""
    ready = [safe] if safe.pending() else select.select([safe, server], [], [])[0]
    for source in ready:
        data = source.recv(65536)
        (server if source is safe else safe).sendall(data)
        if not data:
            return False
    return True


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def port(services: Services, rig: Rig, authority: trustme.CA) -> Iterator[int]:
    rig.redis.execute_command("ACL", "SETUSER", "scorer", "reset", "on", f">{PASSWORD}", *RIGHTS.split())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with closing(TlsTerminator(services.redis_port, context)) as terminator:
        yield terminator.port
    rig.redis.execute_command("ACL", "DELUSER", "scorer")


def connect_tls(port: int, authority: trustme.CA, folder: Path, password: str = QUOTED) -> RedisStore:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return connect(f"rediss://scorer:{password}@{HOST}:{port}/0?ssl_ca_certs={path}", timeout=5)


def test_the_rights_of_the_security_page_are_enough(port: int, authority: trustme.CA, tmp_path: Path) -> None:
    store = connect_tls(port, authority, tmp_path)
    assert store.find([PhotoId("one")]) == [None]
    with store.announcements(PhotoId("one")) as announcements:
        assert announcements.wait(5.0)  # Redis's confirmation
        assert store.write([make_result()], [""]) == [Written(Answer.WRITTEN)]
        assert announcements.wait(5.0)
    assert store.write([make_result(sequencer="0A")], [""])[0].answer is Answer.KNOWN
    copied = photo("two", "bytes", "phash-1:0123456789abcdef")
    assert store.write([copied], [""]) == [Written(Answer.WRITTEN)]
    assert find_look_alike(store, "three", "phash-1:0123456789abcdef") == "two"
    store.note_survived(["message"])
    store.begin_trial("message")
    assert store.tries(["message"]) == [Tries(1, unfinished=True)]
    assert store.forget(PhotoId("two"))
    assert store.find([PhotoId("one")]) == [make_result()]


def test_the_readers_of_the_door_need_no_other_rights(
    port: int, authority: trustme.CA, tmp_path: Path
) -> None:
    rig = ReadersRig(connect_tls(port, authority, tmp_path))

    async def test() -> None:
        waiter = rig.wait("one")
        client = rig.store.nodes.client
        await until(lambda: client.publish("result:one", "") == 1)
        assert await asyncio.to_thread(rig.store.write, [make_result()], [""])
        assert await waiter == make_result()

    rig.run(test)
    assert "subscription_failed" not in rig.telemetry.counts


def test_readers_without_the_right_to_subscribe_have_their_last_look_and_it_is_logged(
    port: int, authority: trustme.CA, tmp_path: Path, rig: Rig
) -> None:
    rig.redis.execute_command("ACL", "SETUSER", "scorer", "-subscribe")
    readers = ReadersRig(connect_tls(port, authority, tmp_path))

    async def test() -> None:
        waiter = readers.wait("one", 1.0)
        await until(lambda: "subscription_failed" in readers.telemetry.counts)
        rig.redis.set("result:one", make_result().model_dump_json())
        assert await waiter == make_result()

    readers.run(test)
    assert readers.telemetry.counts["subscription_failed"] == 1


def test_the_security_page_lists_these_rights() -> None:
    page = (Path(__file__).parents[3] / "SECURITY.md").read_text()
    assert RIGHTS in " ".join(page.split())


def test_a_certificate_of_another_authority_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CERTIFICATE_VERIFY_FAILED"):
        connect_tls(port, trustme.CA(), tmp_path)


def test_a_wrong_password_is_refused_and_not_shown(port: int, authority: trustme.CA, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        connect_tls(port, authority, tmp_path, password="another-s3cret")
    assert "s3cret" not in str(refusal.value)


def test_other_keys_cannot_be_read(port: int, authority: trustme.CA, tmp_path: Path) -> None:
    store = connect_tls(port, authority, tmp_path)
    with pytest.raises(Exception, match="No permissions"):
        store.nodes.client.get("session:somebody")
