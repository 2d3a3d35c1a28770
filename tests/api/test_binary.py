"""The binary routes: layouts, ordinals, fields payload, refusals."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from ldbf1 import payload
from server import Collection

BIG = 2**64 - 1


def f32(*values):
    return numpy.array(values, "<f4").tobytes()


def search_block(data, at=0):
    """(ids, scores, fields, where the next begins)"""
    (n,) = struct.unpack_from("<I", data, at)
    ids = struct.unpack_from(f"<{n}Q", data, at + 4)
    scores = struct.unpack_from(f"<{n}f", data, at + 4 + 8 * n)
    at += 4 + 12 * n
    (length,) = struct.unpack_from("<I", data, at)
    fields = json.loads(data[at + 4 : at + 4 + length]) if length else None
    return list(ids), list(scores), fields, at + 4 + length


@pytest.fixture
def c(make):
    c = make()
    c.ok(
        "add", ids=[10, "x", 11], vectors=[[1, 0], [2, 0], [3, 1]], fields=[{"n": 0}, {}, {"n": 2}]
    )
    return c


def octets(answer):
    status, headers, data = answer
    assert status == 200 and headers["Content-Type"] == "application/octet-stream", answer
    return data


def fails_as_text(answer, status, text):
    got, headers, data = answer
    assert got == status and headers["Content-Type"].startswith("text/plain"), answer
    assert text in data.decode(), data


def test_search_binary(c):
    data = octets(c.raw("search_binary", f32(1, 0), dim=2, k=2))
    assert data == struct.pack("<I2Q2fI", 2, 2, 1, 3, 2, 0), "ordinals, not ids"
    data = octets(c.raw("search_binary", f32(1, 0), dim=2, return_fields=True))
    assert search_block(data) == ([2, 1, 0], [3, 2, 1], [{"n": 2}, {}, {"n": 0}], len(data))
    half = numpy.array([1, 0], "<f2").tobytes()
    for name in ("float16", "F16", "fp16"):
        assert (
            octets(c.raw("search_binary", half, dim=2, vector_encoding=name, k=2))[:4]
            == b"\2\0\0\0"
        )
    assert octets(c.raw("search_binary", f32(1, 0), dim=2, k=0)) == bytes(8)
    data = octets(c.raw("search_binary", f32(0.3, 0), dim=2, approx=True, eps=0.5))
    assert search_block(data)[1] == [1, 0.5, 0.5]


def test_batch_search_binary(c):
    data = octets(
        c.raw("batch_search_binary", f32(1, 0, 0, 1), dim=2, n_queries=2, k=2, return_fields=True)
    )
    assert struct.unpack_from("<I", data) == (2,)
    ids, scores, fields, at = search_block(data, 4)
    assert (ids, scores, fields) == ([2, 1], [3, 2], [{"n": 2}, {}])
    ids, scores, _, at = search_block(data, at)
    assert scores == [1, 0] and at == len(data)
    assert octets(c.raw("batch_search_binary", b"", dim=2, n_queries=0)) == bytes(4)


def test_head_and_tail_binary(c):
    c.ok("delete", ids=["x"])
    status, headers, data = c.raw("head_binary", None, "GET", n=2)
    fields = b'[{"n":0},{}]'
    assert status == 200 and headers["Content-Type"] == "application/octet-stream"
    assert data == struct.pack("<II4f2QI", 2, 2, 1, 0, 2, 0, 0, 1, len(fields)) + fields
    fields = b'[{"n":2}]'
    assert c.raw("tail_binary", None, "GET", n=1)[2] == (
        struct.pack("<II2fQI", 1, 2, 3, 1, 2, len(fields)) + fields
    )
    assert struct.unpack_from("<I", c.raw("tail_binary", None, "GET")[2]) == (3,)
    assert c.raw("head_binary", None, "GET", n=0)[2][:4] == bytes(4)


@pytest.mark.parametrize("route", ["search_binary", "batch_search_binary"])
@pytest.mark.parametrize(
    "query, body, text",
    [
        ({"dim": 2}, b"123", "Expected 8 bytes, got 3"),
        ({"dim": 2}, b"", "Expected 8 bytes, got 0"),
        ({}, b"", "missing field `dim`"),
        ({"dim": "x"}, b"", "dim"),
        ({"dim": -1}, b"", "dim"),
        ({"dim": 3}, f32(1, 2, 3), "Dimension mismatch: expected 2, got 3"),
        ({"dim": 2, "vector_encoding": "f64"}, b"", "unsupported vector_encoding"),
        ({"dim": 2, "vector_encoding": "uint8"}, b"", "unsupported vector_encoding"),
        ({"dim": 2, "where": "n = "}, f32(1, 2), "where, column 5"),
        ({"dim": 2, "vector_field": "z"}, f32(1, 2), "vector field 'z' does not exist"),
        ({"dim": 2, "k": 10001}, f32(1, 2), "k 10001 exceeds server max_top_k 10000"),
        ({"dim": 2, "return_fields": "yes"}, f32(1, 2), "return_fields"),
        ({"dim": 2}, f32(1, numpy.nan), "1"),
        ({"dim": 2}, f32(numpy.inf, 1), "0"),
        ({"dim": 2**63}, b"", "dim"),
    ],
)
def test_search_refusals_are_text(c, route, query, body, text):
    if route.startswith("batch"):
        query = {**query, "n_queries": 1}
    fails_as_text(c.raw(route, body, **query), 400, text)


def test_text_for_missing_names(client, database):
    names = {"database_name": database, "collection_name": "typo"}
    fails_as_text(
        client.binary("/tail_binary", None, "GET", **names), 404, "Collection not found: typo"
    )
    names["database_name"] = "nosuch"
    fails_as_text(
        client.binary("/search_binary", f32(1), dim=1, **names), 404, "Database not found: nosuch"
    )
    fails_as_text(client.binary("/head_binary", None, "GET"), 400, "missing field `database_name`")


def test_bulk_add_binary(make):
    c = make()
    assert c.raw_ok("bulk_add_binary", f32(1, 2, 3, 4), dim=2, n_vectors=2) == {
        **c.names,
        "n_vectors": 2,
        "ids_start": 0,
    }
    assert c.raw_ok("bulk_add_binary", f32(5, 6), dim=2, n_vectors=1, return_ids=True) == {
        **c.names,
        "n_vectors": 1,
        "ids_start": 2,
        "ids": [2],
    }
    c.ok("add", ids=["s1", "s2"], vectors=[[0, 0], [0, 0]])
    half = numpy.array([7, 8], "<f2").tobytes()
    assert c.raw_ok(
        "bulk_add_binary", half, dim=2, n_vectors=1, vector_encoding="f16", return_ids="true"
    )["ids"] == [5]
    assert c.ok("head", n=9)["head"][:2] == [
        [[1, 2], [3, 4], [5, 6], [0, 0], [0, 0], [7, 8]],
        [0, 1, 2, "s1", "s2", 5],
    ]
    assert c.raw_ok("bulk_add_binary", b"", dim=2, n_vectors=0)["n_vectors"] == 0
    for query, body, text in [
        ({"dim": 2, "n_vectors": 2}, f32(1, 2, 3), "Expected 16 bytes, got 12"),
        ({"dim": 2, "n_vectors": 1}, f32(1, 2, 3), "Expected 8 bytes, got 12"),
        ({"dim": 0, "n_vectors": 1}, b"", "must be greater than zero"),
        ({"dim": 2}, f32(1, 2), "missing field `n_vectors`"),
        ({"dim": 2, "n_vectors": 1}, f32(1, numpy.nan), ""),
        ({"dim": 2**40, "n_vectors": 2**40}, b"", ""),
        ({"dim": 3, "n_vectors": 1}, f32(1, 2, 3), "Dimension mismatch: expected 2, got 3"),
    ]:
        c.raw_fails(400, text, "bulk_add_binary", body, **query)
    assert c.ok("collection_shape")["shape"] == [6, 2]


def test_bulk_add_binary_meets_an_explicit_id(make):
    c = make()
    c.ok("add", ids=[2], vectors=[[0]])
    c.raw_fails(
        400, "external id 2 already exists", "bulk_add_binary", f32(1, 2), dim=1, n_vectors=2
    )
    assert c.ok("collection_shape")["shape"] == [1, 1]
    assert c.raw_ok("bulk_add_binary", f32(1), dim=1, n_vectors=1, return_ids=True)["ids"] == [1]


def test_concurrent_bulk_adds_share_no_id(make, shared, database):
    threads, rounds, rows = 6, 8, 25
    c = make()
    c.ok("required_collection")

    def work(t):
        client = shared.client()
        mine = Collection(client, database, "c")
        ids = []
        for i in range(rounds):
            value = t * rounds + i
            ids += [
                (id, value)
                for id in mine.raw_ok(
                    "bulk_add_binary", f32(*[value] * rows), dim=1, n_vectors=rows, return_ids=True
                )["ids"]
            ]
        client.close()
        return ids

    with ThreadPoolExecutor(threads) as pool:
        pairs = [pair for part in pool.map(work, range(threads)) for pair in part]
    assert sorted(id for id, _ in pairs) == list(range(threads * rounds * rows))
    vectors, ids, _ = c.ok("query_vectors")["result"]
    assert dict(pairs) == {id: vector[0] for id, vector in zip(ids, vectors)}
    data = octets(c.raw("head_binary", None, "GET", n=2000))
    n = threads * rounds * rows
    ordinals = numpy.frombuffer(data, "<u8", n, 8 + 4 * n)
    values = numpy.frombuffer(data, "<f4", n, 8)
    assert {int(o): v for o, v in zip(ordinals, values)} == dict(pairs), "ids are ordinals"


FIELDS = {
    "null": None,
    "f": False,
    "t": True,
    "neg": -(2**63),
    "big": BIG,
    "real": 2.5,
    "one": 1.0,
    "text": 'é"\n',
    "list": [1, [], {}, "x", None],
    "object": {"a": {"b": -1}},
    "": "",
}


def test_add_records_binary(make):
    c = make()
    body = f32(1, 2, 3, 4) + struct.pack("<2Q", BIG, 5) + payload([FIELDS, None])
    assert c.raw_ok("add_records_binary", body, dim=2, n_vectors=2) == {**c.names, "ids": [BIG, 5]}
    assert c.raw_ok(
        "add_records_binary",
        f32(5, 6, 7, 8),
        dim=2,
        n_vectors=2,
        ids_encoding="range",
        ids_start=100,
    )["ids"] == [100, 101]
    half = numpy.array([9, 9], "<f2").tobytes() + struct.pack("<Q", 7) + payload([{}])
    assert c.raw_ok(
        "add_records_binary",
        half,
        dim=2,
        n_vectors=1,
        vector_encoding="float16",
        ids_encoding="raw",
    )["ids"] == [7]
    assert c.ok("head", n=9)["head"] == [
        [[1, 2], [3, 4], [5, 6], [7, 8], [9, 9]],
        [BIG, 5, 100, 101, 7],
        [FIELDS, {}, {}, {}, {}],
    ]
    assert list(c.ok("head")["head"][2][0]) == list(FIELDS)
    assert type(c.ok("head")["head"][2][0]["one"]) is float


def test_upsert_records_binary(make):
    c = make()
    c.ok("add", ids=[1, 2, 3], vectors=[[0], [0], [0]], fields=[{"a": 1}] * 3)
    body = (
        f32(1, 2, 3, 4) + struct.pack("<4Q", 1, 2, 3, 4) + payload([None, {}, {"b": 2}, {"c": 3}])
    )
    assert c.raw_ok("upsert_records_binary", body, dim=1, n_vectors=4)["ids"] == [1, 2, 3, 4]
    assert c.ok("head")["head"] == [
        [[1], [2], [3], [4]],
        [1, 2, 3, 4],
        [{"a": 1}, {}, {"b": 2}, {"c": 3}],
    ]
    c.raw_ok(
        "upsert_records_binary", f32(9, 8), dim=1, n_vectors=2, ids_encoding="range", ids_start=3
    )
    assert c.ok("head")["head"][2] == [{"a": 1}, {}, {"b": 2}, {"c": 3}], "no payload: kept"
    c.raw_fails(
        400,
        "duplicate external id 1",
        "upsert_records_binary",
        f32(1, 2) + struct.pack("<2Q", 1, 1),
        dim=1,
        n_vectors=2,
    )


@pytest.mark.parametrize("route", ["add_records_binary", "upsert_records_binary"])
@pytest.mark.parametrize(
    "query, body, text",
    [
        ({"n_vectors": 0}, b"", "ids cannot be empty"),
        ({"dim": 0}, b"", "vectors cannot be empty"),
        ({}, f32(1), "expected at least 8 vector bytes, got 4"),
        ({}, f32(1, 2), "expected at least 8 raw id bytes after vectors, got 0"),
        ({}, f32(1, 2) + bytes(7), "got 7"),
        ({"ids_encoding": "zz"}, f32(1, 2), "unsupported ids_encoding"),
        ({"ids_encoding": "range"}, f32(1, 2), "ids_start is required"),
        ({"ids_encoding": "range", "ids_start": "x"}, f32(1, 2), "ids_start"),
        ({"ids_encoding": "range", "ids_start": BIG, "n_vectors": 2}, f32(1, 2, 3, 4), "64 bits"),
        ({"vector_encoding": "f64"}, f32(1, 2), "unsupported vector_encoding"),
        ({}, f32(1, numpy.nan) + bytes(8), "1"),
        ({}, f32(1, 2) + bytes(8) + b"XDBF1", "LDBF1"),
        ({}, f32(1, 2) + bytes(8) + b"LDB", "LDBF1"),
        ({}, f32(1, 2) + bytes(8) + b"LDBF1", "ends early"),
        ({}, f32(1, 2) + bytes(8) + payload([]), "fields length must match vectors length"),
        ({}, f32(1, 2) + bytes(8) + payload([{}, {}]), "fields length must match vectors length"),
        ({}, f32(1, 2) + bytes(8) + payload([{}]) + b"\0", "behind its last row"),
        ({}, f32(1, 2) + bytes(8) + payload([{"a": 1}])[:-1], "ends early"),
        ({}, f32(1, 2) + bytes(8) + payload([{"a": "text"}])[:-1], "ends early"),
        ({}, f32(1, 2) + bytes(8) + payload([{"a": float("nan")}]), "not finite"),
        ({}, f32(1, 2) + bytes(8) + payload([{"a": b"\xff"}]), ""),
        ({}, f32(1, 2) + bytes(8) + b"LDBF1\1\0\0\0\2", "presence"),
        ({}, f32(1, 2) + bytes(8) + b"LDBF1\1\0\0\0\1\xff\xff\xff\xff", "ends early"),
        ({}, f32(1, 2) + bytes(8) + b"LDBF1\1\0\0\0\1\1\0\0\0\1\0\0\0a\x09", "tag 9"),
        (
            {},
            f32(1, 2)
            + bytes(8)
            + b"LDBF1\1\0\0\0\1\1\0\0\0\1\0\0\0a"
            + b"\7\1\0\0\0" * 200
            + b"\0",
            "nested",
        ),
        ({}, f32(1, 2) + bytes(8) + b"LDBF1\1\0\0\0\1\2\0\0\0" + b"\1\0\0\0a\0" * 2, ""),
    ],
)
def test_record_refusals_are_json(make, route, query, body, text):
    c = make()
    c.raw_fails(400, text, route, body, **{"dim": 2, "n_vectors": 1, **query})
    assert c.ok("collection_shape")["shape"][0] == 0


def test_mutated_payloads_are_refused_or_taken_but_harm_nothing(make):
    random = numpy.random.default_rng(12)
    c = make()
    seed = f32(1, 2, 3, 4) + struct.pack("<2Q", 1, 2) + payload([FIELDS, {"x": [FIELDS]}])
    for round_ in range(400):
        body = bytearray(seed)
        for at in random.integers(32, len(body), random.integers(1, 4)):
            body[at] = random.integers(0, 256)
        body = body[: random.integers(32, len(body) + 1)] if round_ % 3 == 0 else body
        status, _, data = c.raw("upsert_records_binary", bytes(body), dim=2, n_vectors=2)
        assert status in (200, 400), (bytes(body), status, data)
        json.loads(data)
    vectors, ids, fields = c.ok("query_vectors")["result"]
    assert len(ids) == len(fields) == len(vectors) >= 1
