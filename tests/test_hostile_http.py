"""What no client should send: the right status and the error body, and the server goes on."""

import json
import random
import socket
import time

import pytest

GET = b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
INFER = b"POST /v2/models/delays/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read_to_end(connection):
    answer = b""
    try:
        while piece := connection.recv(1 << 16):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def answer_to(server, data, half_close=True):
    """(status, error) of the last answer to these bytes."""
    with connect(server) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return parsed(read_to_end(connection))


def parsed(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    last = answer[answer.rindex(b"HTTP/1.1 "):]
    header, body = last.split(b"\r\n\r\n", 1)
    error = json.loads(body).get("error", {})  # the Open Inference Protocol's is a text
    return int(header.split()[1]), error if isinstance(error, str) else error.get("code", "")


@pytest.fixture(scope="module")
def attacked(shared_server, flights_project):
    shared_server.apply(flights_project)
    return shared_server


@pytest.fixture(autouse=True)
def goes_on(attacked):
    before = attacked.pid
    yield
    assert attacked.process.poll() is None and attacked.pid == before
    assert attacked.get("/health")["status"] == "ok"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x00\xff\x16\x03\x01 nonsense\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /api/v1/datasets/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /api/v1/datasets/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (INFER + b"Content-Length: x\r\n\r\n{}", 400),
        (INFER + b"Content-Length: -5\r\n\r\n{}", 400),
        (INFER + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
        (INFER + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (INFER + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (INFER + b"Content-Length: 99999999999999\r\n\r\n{}", 413),
        (INFER + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n{}", 413),
        (INFER + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (INFER + b"X: y\r\n" * 20_000 + b"\r\n", 431),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (INFER + b"Content-Length: 1000\r\n\r\n{", 400),  # half closed in the middle of its body
        (INFER + b"Content-Length: 7\r\n\r\n{\"in\xff\"", 400),
        (INFER + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, 400),
        (INFER + b"Content-Length: 0\r\n\r\n", 400),
    ],
)
def test_what_is_malformed_or_too_large_gets_its_status(attacked, data, status):
    said, code = answer_to(attacked, data)
    assert said == status and code


def test_a_batch_above_the_limit_is_refused_before_it_is_sent(attacked):
    head = b"POST /api/v1/datasets/flights/batches?batch_id=huge HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n"
    assert answer_to(attacked, head, half_close=False)[0] == 413


def test_a_client_that_closed_its_half_still_gets_its_answer(attacked):
    status, code = answer_to(attacked, GET)
    assert (status, code) == (200, "")


def test_a_slow_client_is_told_so_and_holds_up_nobody(attacked):
    with connect(attacked) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHo")
        start = time.monotonic()
        assert attacked.get("/health")["status"] == "ok"
        assert parsed(read_to_end(slow))[0] == 408
        assert time.monotonic() - start < 60


def test_many_clients_that_say_nothing_leave_room_for_one_that_does(attacked):
    silent = [connect(attacked) for _ in range(500)]
    try:
        assert attacked.get("/health")["status"] == "ok"
    finally:
        for connection in silent:
            connection.close()


def test_random_bytes_and_damaged_requests_crash_nothing(attacked):
    chance = random.Random(7)
    body = json.dumps({"inputs": [{"name": "origin", "shape": [1], "datatype": "BYTES", "data": ["ORD"]}]}).encode()
    whole = INFER + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data))]
        with connect(attacked) as connection:
            connection.sendall(bytes(data))
            connection.shutdown(socket.SHUT_WR)
            answer = read_to_end(connection)
            assert not answer or answer.startswith(b"HTTP/1.1 "), (bytes(data), answer[:100])
            assert b"HTTP/1.1 500" not in answer, (bytes(data), answer[:500])
