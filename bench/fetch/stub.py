"""A server in the place of S3 and SQS that costs little.

It answers every GET with as many bytes as its key says, and every POST with ten messages, all of which were deleted.

python -m bench.fetch.stub [CERTIFICATE]

Prints its port. With a certificate and its key in a file, it speaks TLS.
"""

import json
import os
import re
import socket
import ssl
import sys
import threading
from contextlib import suppress

# As S3 sends it.
HEAD = (
    "HTTP/1.1 200 OK\r\n"
    "x-amz-id-2: tUVrYQ4Nqk2vJ3W2w1a8J9n8o3eSPxV9bqN6m5zjUo8Q3L0kO6p2s7c1x4v5b6n7m8\r\n"
    "x-amz-request-id: 4N7WQ0X9Y8Z7V6U5\r\n"
    "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n"
    "Last-Modified: Wed, 21 Oct 2026 07:27:00 GMT\r\n"
    'ETag: "9b2cf535f27731c974343645a3985328"\r\n'
    "x-amz-server-side-encryption: AES256\r\n"
    "x-amz-version-id: 3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY\r\n"
    "Accept-Ranges: bytes\r\n"
    "Content-Type: image/jpeg\r\n"
    "Content-Length: {}\r\n"
    "Server: AmazonS3\r\n\r\n"
)
SQS_HEAD = (
    "HTTP/1.1 200 OK\r\n"
    "x-amzn-RequestId: 7f1b1a7e-43f4-5b41-8c0c-7c7b4b7d8f7e\r\n"
    "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n"
    "Content-Type: application/x-amz-json-1.0\r\n"
    "Content-Length: {}\r\n"
    "connection: keep-alive\r\n\r\n"
)
SIZE = re.compile(rb"/(\d+)\.jpg")
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
MESSAGES = [
    {
        "MessageId": f"6f1a1c52-0d3c-4a53-9c4e-3b7c1d0f2a{number:02}",
        "ReceiptHandle": "AQEB" + os.urandom(140).hex(),
        "MD5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
        "Body": "x" * 900,  # about as long as S3's event
        "Attributes": {"SentTimestamp": "1792567680000", "ApproximateReceiveCount": "1"},
    }
    for number in range(10)
]
ATTRIBUTES = {"VisibilityTimeout": "60"}
QUEUE = json.dumps(
    {"Messages": MESSAGES, "Successful": [{"Id": str(n)} for n in range(10)], "Attributes": ATTRIBUTES}
)
BYTES = os.urandom(4_000_000)


def main() -> None:
    """Serve until the process is ended."""
    context = None
    if sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(connection, context), daemon=True).start()


def _serve(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            while head := connection.recv(65_536):
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65_536)
                head, _, body = head.partition(b"\r\n\r\n")
                found = LENGTH.search(head)
                missing = int(found[1]) - len(body) if found else 0
                while missing > 0:
                    missing -= len(connection.recv(missing))
                connection.sendall(_answer(head))


def _answer(head: bytes) -> bytes:
    if head.startswith(b"POST"):
        return f"{SQS_HEAD.format(len(QUEUE))}{QUEUE}".encode()
    found = SIZE.search(head)
    size = int(found[1]) if found else 0
    return HEAD.format(size).encode() + BYTES[:size]


if __name__ == "__main__":
    main()
