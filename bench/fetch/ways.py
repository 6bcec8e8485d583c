"""The CPU time of one GET with SHA-256, in each way to do it; runs in a process of its own.

    python -m bench.fetch.ways ROUNDS

Prints JSON: protocol → size → way → the median of the milliseconds and their bounds. The ways take
turns. The server is another process, whose time does not count; its connection is kept.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trustme
import urllib3

from bench.fetch.stub import BYTES
from localstack.services import die_with_parent
from worker.adapters.aws.clients import s3_client
from worker.adapters.aws.s3 import CONNECT, PIECE, READ, Photos
from worker.messages import S3Object

WORKER, BY_URL, BOTO3, HASH = "worker", "signed URL and urllib3", "boto3", "SHA-256 alone"
SIZES = {"small": 57_000, "3 MP": 900_000, "12 MP": 2_700_000}  # bytes of JPEGs of these kinds
GETS = {"small": 60, "3 MP": 20, "12 MP": 8}  # in each turn
TURNS = 5  # in each round
BUCKET = "photos"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "KEY",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token" * 150,  # as long as a role's
    "AWS_DEFAULT_REGION": "us-east-1",
}
LIFE = 300  # seconds of a signed URL
Way = Callable[[], object]  # does once what is measured
Figures = dict[str, dict[str, dict[str, float]]]  # what is measured → way → milliseconds
Fetch = Callable[[int], object]  # fetches so many bytes, and hashes them


def main() -> None:
    """Measure in as many rounds as the argument says."""
    rounds = int(sys.argv[1])

    def measure() -> Figures:
        found = ways()
        return {
            kind: compare({way: partial(get, size) for way, get in found.items()}, GETS[kind], rounds)
            for kind, size in SIZES.items()
        }

    print(json.dumps(by_protocol(measure)))


def by_protocol(measure: Callable[[], Figures]) -> dict[str, Figures]:
    """Measure against the stub by HTTP, then by HTTPS. Clients that `measure` makes find it by the environment."""
    os.environ.update(CREDENTIALS)
    measured = dict[str, Figures]()
    for protocol in ("HTTP", "HTTPS"):
        with tempfile.TemporaryDirectory() as folder, serve(protocol, Path(folder)) as variables:
            os.environ.update(variables)
            measured[protocol] = measure()
    return measured


@contextmanager
def serve(protocol: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run the stub; yields the environment of its clients, who trust its certificate alone."""
    arguments, variables = list[str](), dict[str, str]()
    if protocol == "HTTPS":
        authority, certificate = trustme.CA(), folder / "certificate.pem"
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        variables["AWS_CA_BUNDLE"] = str(folder / "authority.pem")
        arguments.append(str(certificate))
    command = die_with_parent([sys.executable, "-m", "bench.fetch.stub", *arguments])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stub:
        try:
            port = stub.stdout.readline().strip() if stub.stdout else ""
            yield {**variables, "AWS_ENDPOINT_URL": f"{protocol.lower()}://127.0.0.1:{port}"}
        finally:
            stub.kill()


def ways() -> dict[str, Fetch]:
    """Make each way's client: as the worker has it, and in two ways of boto3's."""
    photos, boto3 = Photos(1, time.monotonic), s3_client(connect=CONNECT, read=READ, attempts=1)
    web = urllib3.PoolManager(retries=False, ca_certs=os.environ.get("AWS_CA_BUNDLE"))

    def by_url(size: int) -> str:
        target = {"Bucket": BUCKET, "Key": key(size)}
        url = boto3.call(lambda s3: s3.generate_presigned_url("get_object", target, LIFE))
        return hash_pieces(web.request("GET", url, preload_content=False))

    def by_boto3(size: int) -> str:
        answer: Any = boto3.call(lambda s3: s3.get_object(Bucket=BUCKET, Key=key(size)))
        return hash_pieces(answer["Body"]._raw_stream)

    return {
        WORKER: lambda size: photos.fetch(S3Object(BUCKET, key(size)), len(BYTES)),
        BY_URL: by_url,
        BOTO3: by_boto3,
        HASH: lambda size: hashlib.sha256(BYTES[:size]).hexdigest(),
    }


def key(size: int) -> str:
    """A key that the stub answers with so many bytes."""
    return f"uploads/2026/{size}.jpg"


def hash_pieces(answer: Any) -> str:
    """Read a body as it arrives, keep it, and hash it; its connection is kept."""
    pieces, digest = list[bytes](), hashlib.sha256()
    while piece := answer.read1(PIECE):
        pieces.append(piece)
        digest.update(piece)
    answer.release_conn()
    return digest.hexdigest()


def compare(found: Mapping[str, Way], count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Let the ways take turns, so often in each; returns the median and the bounds of each one's milliseconds."""
    seen: dict[str, list[float]] = {way: [] for way in found}
    for _ in range(TURNS * rounds):
        for way, act in found.items():
            act()  # connects, and fills caches
            begun = time.process_time()
            for _ in range(count):
                act()
            seen[way].append((time.process_time() - begun) / count * 1000)
    return {
        way: {"cpu_ms": statistics.median(times), "least_ms": min(times), "most_ms": max(times)}
        for way, times in seen.items()
    }


if __name__ == "__main__":
    main()
