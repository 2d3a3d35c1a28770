"""/bulk: three formats, two ways to commit, what is refused, memory, and what a broken stream
leaves."""

import base64
import io
import json
import socket
import struct
import threading
import time
from pathlib import Path

import numpy
import pytest

from server import SANITIZED, Collection

BIG = 2**64 - 1


def ndjson(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def npy(array):
    out = io.BytesIO()
    numpy.save(out, array)
    return out.getvalue()


def npy_head(rows, dim):
    """The header alone, of rows that are sent as they are made."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


TYPES = {"<f4": 0, "<f2": 1, "|u1": 2, "|i1": 3}


def frame(vectors, ids=None, first=None, fields=None, dtype=None, dim=None):
    rows = len(vectors)
    kind = 1 if ids is not None else 2 if first is not None else 0
    head = b"VRVB" + struct.pack(
        "<IIBBBBQ",
        rows,
        dim or vectors.shape[1],
        TYPES[vectors.dtype.str] if dtype is None else dtype,
        kind,
        fields is not None,
        0,
        first or 0,
    )
    body = vectors.tobytes() + (struct.pack(f"<{rows}Q", *ids) if kind == 1 else b"")
    for row in fields or []:
        text = b"" if row is None else json.dumps(row).encode()
        body += struct.pack("<I", len(text)) + text
    return head + body


def rows_of(c):
    vectors, ids, fields = c.ok("query_vectors")["result"]
    return {id: (vector, row) for id, vector, row in zip(ids, vectors, fields)}


@pytest.fixture(params=["end", "batch"])
def commit(request):
    return request.param


def test_ndjson(make, commit):
    c = make()
    rows = [{"id": i, "vector": [i, 0.5], "fields": {"n": i}} for i in range(2500)]
    rows += [{"id": "é", "vector": [1, 2]}, {"id": BIG, "vector": [3, 4], "fields": None}]
    params = c.raw_ok("bulk", ndjson(rows), commit=commit)
    seconds = params.pop("seconds")
    assert 0 < seconds < 60
    assert params == {
        **c.names,
        "format": "ndjson",
        "rows": 2502,
        "rows_committed": 2502,
        "rows_new": 2502,
        "rows_changed": 0,
    }
    got = rows_of(c)
    assert got == {row["id"]: (row["vector"], row.get("fields") or {}) for row in rows}


def test_ndjson_base64_and_loose_lines(make, commit):
    c = make()
    vector = numpy.array([0.1, -3e8], "<f4")
    text = base64.b64encode(vector.tobytes()).decode()
    body = (
        b'\n  \r\n{"id":1,"vector_b64":"%s","fields":{"vector":[1,2]}}\r\n' % text.encode()
        + b'{"vector":[1,2],"id":2,"fields":{"vector":[9]},"other":[[1]]}'
    )  # no end of line
    c.raw_ok("bulk", body, commit=commit)
    assert c.ok("query_vectors")["result"] == [
        [[0.1, -3e8], [1, 2]],
        [1, 2],
        [{"vector": [1, 2]}, {"vector": [9]}],
    ]


def test_automatic_ids(make, commit):
    c = make()
    c.ok("add", ids=[5], vectors=[[0]])
    params = c.raw_ok(
        "bulk", ndjson([{"vector": [i]} for i in range(10)]), commit=commit, batch_rows=4
    )
    first = params["ids_start"]
    got = rows_of(c)
    assert len(got) == 11 and 5 in got
    assert [got[first + i][0] for i in range(4)] == [[i] for i in range(4)]
    params = c.raw_ok("bulk", npy(numpy.full((3, 1), 7, "<f4")), format="npy", commit=commit)
    assert [rows_of(c)[params["ids_start"] + i][0] for i in range(3)] == [[7]] * 3


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "|u1", "|i1"])
def test_npy(make, commit, dtype):
    c = make()
    array = numpy.arange(30).reshape(10, 3).astype(dtype)
    params = c.raw_ok("bulk", npy(array), format="npy", commit=commit, batch_rows=4, ids_start=100)
    assert params["rows"] == 10 and "ids_start" not in params
    assert rows_of(c) == {100 + i: (row, {}) for i, row in enumerate(array.tolist())}


def test_frames(make, commit):
    c = make()
    a = numpy.arange(8, dtype="<f4").reshape(4, 2)
    body = (
        frame(a, ids=[BIG, 1, 2, 3], fields=[{"x": 1}, None, {}, {"y": [2]}])
        + frame(a[:0], ids=[])
        + frame(a.astype("<f2"), first=10)
        + frame(a.astype("|i1"), first=20)
    )
    assert c.raw_ok("bulk", body, format="frames", commit=commit)["rows"] == 12
    got = rows_of(c)
    assert [got[i][1] for i in (BIG, 1, 2, 3)] == [{"x": 1}, {}, {}, {"y": [2]}]
    for first in (10, 20):
        assert [got[first + i][0] for i in range(4)] == a.tolist()


def test_numbered_frames(make, commit):
    c = make()
    a = numpy.arange(8, dtype="<f4").reshape(4, 2)
    first = c.raw_ok("bulk", frame(a) + frame(a), format="frames", commit=commit)["ids_start"]
    assert [rows_of(c)[first + i][0] for i in range(4)] == a.tolist()
    assert len(rows_of(c)) == 8


def test_packed_frames(make):
    c = make(dtypes="binary")
    packed = numpy.array([[0b00000101, 0b1]], "u1")
    c.raw_ok("bulk", frame(packed, first=1, dtype=4, dim=9), format="frames")
    assert rows_of(c)[1][0] == [1, 0, 1, 0, 0, 0, 0, 0, 1]


def test_upsert(make, commit):
    c = make()
    c.ok("add", ids=[1, 2, 3], vectors=[[0], [0], [0]], fields=[{"a": 1}] * 3)
    body = ndjson(
        [
            {"id": 1, "vector": [1]},
            {"id": 2, "vector": [2], "fields": {}},
            {"id": 4, "vector": [4], "fields": {"b": 2}},
        ]
    )
    params = c.raw_ok("bulk", body, mode="upsert", commit=commit)
    assert (params["rows_new"], params["rows_changed"]) == (1, 2)
    assert rows_of(c) == {1: ([1], {"a": 1}), 2: ([2], {}), 3: ([0], {"a": 1}), 4: ([4], {"b": 2})}


def test_create(client, database):
    c = Collection(client, database, "new")
    c.raw_fails(404, "Collection not found: new", "bulk", ndjson([{"vector": [1]}]))
    c.raw_ok("bulk", ndjson([{"id": 1, "vector": [1, 2]}]), create=True, dim=2, dtypes="float16")
    assert c.ok("get_collection_config")["config"]["dtypes"] == "float16"
    c.raw_ok("bulk", ndjson([{"id": 2, "vector": [1, 2]}]), create=True)
    c.raw_fails(
        400,
        "Dimension mismatch: expected 3, got 2",
        "bulk",
        ndjson([{"id": 3, "vector": [1, 2]}]),
        create=True,
        dim=3,
    )
    c.names["database_name"] = "nosuch"
    c.raw_fails(404, "Database not found: nosuch", "bulk", b"", create=True)


def test_empty_stream(make, commit):
    c = make()
    assert c.raw_ok("bulk", b"", commit=commit)["rows"] == 0
    assert (
        c.raw_ok("bulk", npy(numpy.zeros((0, 3), "<f4")), format="npy", commit=commit)["rows"] == 0
    )
    assert c.raw_ok("bulk", b"", format="frames", commit=commit)["rows"] == 0


LINE = b'{"id":%d,"vector":[1,2]}\n'
ARRAY = numpy.zeros((5, 2), "<f4")
BAD = [
    ({}, LINE % 1 + b"nonsense\n", "line 2"),
    ({}, LINE % 1 + b"[1]\n", "line 2: not a JSON object"),
    ({}, b"\n\n" + LINE % 1 + b'{"id":2,"vector":[1,2]', "line 4"),
    ({}, LINE % 1 + b'{"id":2,"vector":[1,2,3]}', "line 2: Dimension mismatch: expected 2, got 3"),
    ({}, LINE % 1 + b'{"id":2}', "line 2"),
    ({}, LINE % 1 + b'{"id":2,"vector":[]}', "line 2"),
    ({}, LINE % 1 + b'{"id":2,"vector":[1,null]}', "line 2"),
    ({}, LINE % 1 + b'{"id":2,"vector":[1,1e39]}', "line 2"),
    ({}, LINE % 1 + b'{"vector":[1,2]}', "line 2: some lines have an id and some have none"),
    ({}, LINE % 1 + b'{"id":true,"vector":[1,2]}', "line 2"),
    ({}, LINE % 1 + b'{"id":"","vector":[1,2]}', "line 2"),
    ({}, LINE % 1 + b'{"id":2,"vector":[1,2],"fields":[1]}', "line 2"),
    ({}, LINE % 1 + b'{"id":2,"vector":[1,2],"vectors":{"v":[1]}}', "line 2: vectors: rows of a"),
    ({}, b'{"id":2,"vector":[1,2],"multi_vectors":{}}', "line 1: multi_vectors: rows of a stream"),
    ({}, b'{"id":2,"vector":[1,2],"named_vectors":{}}', "/add_named_vectors"),
    ({}, b'{"id":2,"vector":[1,2],"sparse_vector":{}}', "/add_sparse_vectors"),
    ({}, LINE % 1 + b'{"id":2,"vector_b64":"?"}', "line 2: vector_b64"),
    ({}, LINE % 1 + b'{"id":2,"vector_b64":"AAAA"}', "line 2: vector_b64"),
    ({}, LINE % 1 + b'{"id":2,"vector_b64":7}', "line 2: vector_b64"),
    ({}, LINE % 1 + b'{"id":2,"vector_b64":"AACAfwAAAAA="}', "lines 1 to 2"),
    ({}, LINE % 1 + LINE % 1, "duplicate external id 1"),
    ({}, LINE % 1 + LINE % 77, "external id 77 already exists"),
    ({"dim": 3}, LINE % 1, "Dimension mismatch: expected 3, got 2"),
    ({"format": "csv"}, b"", "format must be"),
    ({"mode": "replace"}, b"", "mode must be"),
    ({"commit": "never"}, b"", "commit must be"),
    ({"batch_rows": 0}, b"", "batch_rows"),
    ({"batch_rows": 10**9}, b"", "exceeds server max_batch_vectors"),
    ({"create": 1}, b"", "create"),
    ({"dtypes": "f64"}, b"", "dtype"),
    ({"format": "npy"}, b"", "ends"),
    ({"format": "npy"}, b"\x93NUMPX\1\0", "npy: not a .npy file"),
    ({"format": "npy"}, npy(ARRAY)[:-1], "rows 0 to 4 of 5: the body ends"),
    ({"format": "npy"}, npy(ARRAY) + b"x", "npy: more bytes than its 5 rows"),
    ({"format": "npy"}, npy(ARRAY.astype("<f8")), "npy: descr '<f8'"),
    ({"format": "npy"}, npy(numpy.asfortranarray(ARRAY)), "npy: the array is not in C order"),
    ({"format": "npy"}, npy(ARRAY[0]), "npy: the array is not two-dimensional"),
    ({"format": "npy"}, npy(ARRAY.reshape(5, 2, 1)), "npy: the array is not two-dimensional"),
    ({"format": "npy", "ids_start": BIG}, npy(ARRAY), "ids_start"),
    ({"format": "npy", "ids_start": 75}, npy(ARRAY), "external id 77 already exists"),
    ({"format": "npy"}, npy(numpy.array([[1, numpy.inf]], "<f4")), "rows 0 to 0 of 1"),
    ({"format": "frames"}, b"VRVX" + bytes(20), "frame 1: its magic is not VRVB"),
    ({"format": "frames"}, frame(ARRAY, first=1)[:-1], "frame 1: the body ends"),
    ({"format": "frames"}, frame(ARRAY, first=1) + b"V", "frame 2: the body ends"),
    ({"format": "frames"}, frame(ARRAY, first=BIG), "frame 1: ids from"),
    ({"format": "frames"}, frame(ARRAY, dtype=9, first=1), "frame 1: unknown vector type 9"),
    ({"format": "frames"}, frame(ARRAY, first=75), "external id 77 already exists"),
    (
        {"format": "frames"},
        b"VRVB" + struct.pack("<IIBBBBQ", 10**6, 2, 0, 0, 0, 0, 0),
        "max_batch_vectors",
    ),
    (
        {"format": "frames"},
        b"VRVB" + struct.pack("<IIBBBBQ", 10**5, 2**31, 0, 0, 0, 0, 0),
        "frame 1",
    ),
]


@pytest.mark.parametrize("query, body, text", BAD, ids=[f"{i}" for i in range(len(BAD))])
def test_refusals(make, commit, query, body, text):
    c = make()
    c.ok("add", ids=[77], vectors=[[7, 7]])
    answer = c.raw_fails(400, text, "bulk", body, **{"commit": commit, **query})
    whole = text in ("npy: more bytes than its 5 rows", "frame 2: the body ends")
    kept = 5 if whole and commit == "batch" else 0
    assert answer["code"] == "invalid_argument" and answer["rows_committed"] == kept
    assert len(rows_of(c)) == 1 + kept and 77 in rows_of(c)


def test_a_failure_keeps_earlier_batches_only_if_asked_to(make):
    body = ndjson([{"id": i, "vector": [1]} for i in range(25)]) + b"oops\n" + LINE % 99
    c = make()
    assert (
        c.raw_fails(400, "line 26", "bulk", body, commit="batch", batch_rows=10)["rows_committed"]
        == 20
    )
    assert sorted(rows_of(c)) == list(range(20))
    c = make("other")
    assert (
        c.raw_fails(400, "line 26", "bulk", body, commit="end", batch_rows=10)["rows_committed"]
        == 0
    )
    assert rows_of(c) == {}


def begin(port, c, query, length=1 << 34):
    """A connection that has sent the head of a long stream."""
    s = socket.create_connection(("127.0.0.1", port), timeout=60)
    target = f"/bulk?database_name={c.database}&collection_name={c.name}&{query}"
    s.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    return s


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_rows_become_visible_at_the_end_or_batch_by_batch(make, shared):
    for name, query, seen in (("a", "commit=end", 0), ("b", "commit=batch&batch_rows=100", 1000)):
        c = make(name)
        s = begin(shared.port, c, query)
        s.sendall(ndjson([{"id": i, "vector": [1]} for i in range(1000)]))
        wait_for(lambda: c.ok("collection_shape")["shape"][0] == seen)
        time.sleep(0.1)
        assert c.ok("collection_shape")["shape"][0] == seen
        s.close()  # the client goes away half-way
        time.sleep(0.3)
        assert c.ok("collection_shape")["shape"][0] == seen
        c.ok("add", ids=["after"], vectors=[[2]])
        assert c.ok("collection_shape")["shape"][0] == seen + 1


def test_kill_half_way_leaves_nothing(own_server, collection_on):
    server = own_server("--session-memory-max", str(1 << 20), "--bulk-segment-bytes", str(4 << 20))
    c = collection_on(server, dim=64)
    c.ok("add", ids=[1], vectors=[[1] * 64])
    s = begin(server.port, c, "format=npy&commit=end&ids_start=1000")
    s.sendall(npy_head(10**7, 64))  # more than ever comes
    block = numpy.ones((10000, 64), "<f4").tobytes()
    for _ in range(10):
        s.sendall(block)

    def written():
        return sum(f.stat().st_size for f in Path(server.folder).rglob("*") if f.is_file())

    wait_for(lambda: written() > 16 << 20)  # segments are there, though nobody sees them
    assert c.ok("collection_shape")["shape"] == [1, 64]
    server.kill()
    s.close()
    server.start()
    again = Collection(server.client(), "d", "c")
    assert again.ok("collection_shape")["shape"] == [1, 64]
    assert again.ok("query", return_ids_only=True)["result"] == [1]
    again.raw_ok("bulk", npy(numpy.ones((5, 64), "<f4")), format="npy", ids_start=1000)
    assert again.ok("collection_shape")["shape"] == [6, 64]
    again.client.close()


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps memory for itself")
@pytest.mark.parametrize("commit", ["end", "batch"])
def test_memory_stays_bounded(own_server, collection_on, commit):
    """A stream of 300 MB, with limits that make the server seal and spill early."""
    dim, block_rows, blocks = 512, 2000, 75
    server = own_server(
        "--session-memory-max",
        str(16 << 20),
        "--bulk-segment-bytes",
        str(32 << 20),
        "--seal-bytes",
        str(16 << 20),
        "--row-buffer-bytes",
        str(16 << 20),
    )
    c = collection_on(server, dim=dim)
    rows = block_rows * blocks
    head = npy_head(rows, dim)
    block = numpy.random.default_rng(3).random((block_rows, dim), "f4").tobytes()
    peak, stop = [0], threading.Event()

    def watch():
        while not stop.is_set():
            peak[0] = max(peak[0], server.memory_bytes())
            time.sleep(0.02)

    before = server.memory_bytes()
    watcher = threading.Thread(target=watch)
    watcher.start()
    s = begin(
        server.port,
        c,
        f"format=npy&ids_start=0&commit={commit}&batch_rows=1000",
        len(head) + blocks * len(block),
    )
    s.sendall(head)
    for _ in range(blocks):
        s.sendall(block)
    answer = s.recv(65536)
    stop.set()
    watcher.join()
    s.close()
    assert b" 200 " in answer.split(b"\r\n")[0], answer
    assert c.ok("collection_shape")["shape"] == [rows, dim]
    assert (
        peak[0] - before < 200 << 20
    ), f"{(peak[0] - before) >> 20} MiB for {blocks * len(block) >> 20}"


def test_chunked_bodies(make, shared, commit):
    c = make()
    lines = [ndjson([{"id": i, "vector": [i]}]) for i in range(2000)]
    status, _, data = c.client.request(
        "POST", "/bulk", iter(lines), None, {**c.names, "commit": commit, "batch_rows": 300}
    )
    assert status == 200 and json.loads(data)["params"]["rows"] == 2000
    assert c.ok("collection_shape")["shape"] == [2000, 1]
    target = f"/bulk?database_name={c.database}&collection_name=c&commit={commit}"
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as s:
        s.sendall(
            f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for part in (
            ndjson([{"id": f"{i}-{j}", "vector": [1]} for j in range(100)]) for i in range(9)
        ):
            s.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        # and no last chunk: the rows of a stream that was cut off are not committed at its end
    time.sleep(0.3)
    c.ok("add", ids=["after"], vectors=[[2]])
    seen = c.ok("collection_shape")["shape"][0]
    assert seen == 2001 if commit == "end" else 2001 <= seen < 2901


def test_an_early_failure_is_answered_though_more_is_coming(make, shared):
    c = make()
    block = LINE % 1 * 40000
    s = begin(shared.port, c, "commit=end", 100 * len(block))
    s.sendall(b"oops\n")
    answer = b""
    try:
        for _ in range(100):
            s.sendall(block)
    except OSError:
        pass  # the server has closed
    while part := s.recv(65536):
        answer += part
        if b"rows_committed" in answer:
            break
    s.close()
    assert b" 400 " in answer.split(b"\r\n")[0] and b"line 1" in answer
    assert rows_of(c) == {}


def test_mutated_streams_are_refused_or_taken_but_harm_nothing(make):
    random = numpy.random.default_rng(11)
    c = make(dim=4)
    a = random.random((6, 4)).astype("<f4")
    fields = [{"a": i, "b": [1, {"c": None}]} for i in range(6)]
    seeds = {
        "frames": frame(a, ids=range(6), fields=fields) + frame(a, first=10),
        "npy": npy(a),
        "ndjson": ndjson(
            [{"id": i, "vector": v, "fields": f} for i, v, f in zip(range(6), a.tolist(), fields)]
        ),
    }
    for round_ in range(150):
        for name, seed in seeds.items():
            body = bytearray(seed)
            for at in random.integers(0, len(body), random.integers(1, 4)):
                body[at] = random.integers(0, 256)
            body = body[: random.integers(1, len(body) + 1)] if round_ % 3 == 0 else body
            status, _, data = c.raw("bulk", bytes(body), format=name, mode="upsert", commit="batch")
            assert status in (200, 400), (name, bytes(body), status, data)
            json.loads(data)
    c.ok("query")
