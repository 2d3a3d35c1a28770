"""Limits of the server, small ones, and that answers beyond one read of the engine are whole."""

import numpy
import pytest

from server import Collection

FLAGS = (
    "--max-top-k",
    "20",
    "--max-batch-vectors",
    "30",
    "--max-collection-vectors",
    "70",
    "--max-collection-vector-bytes",
    "100000",
    "--json-limit-mb",
    "1",
    "--payload-limit-mb",
    "1",
)


@pytest.fixture(scope="module")
def small():
    from server import Server

    server = Server(*FLAGS)
    yield server
    server.done()


@pytest.fixture
def c(small, collection_on):
    c = collection_on(small)
    c.ok("required_collection", drop_if_exists=True)
    for first in (0, 30):
        c.ok("add", ids=list(range(first, first + 30)), vectors=[[i, 1] for i in range(30)])
    return c


@pytest.mark.parametrize(
    "route, body, text",
    [
        (
            "search",
            {"vector": [1, 1], "k": 21},
            "Invalid argument: k 21 exceeds server max_top_k 20",
        ),
        (
            "batch_search",
            {"vectors": [[1, 1]], "k": 21},
            "Invalid argument: k 21 exceeds server max_top_k 20",
        ),
        (
            "batch_search",
            {"vectors": [[1, 1]] * 31},
            "queries 31 exceeds server max_batch_vectors 30",
        ),
        (
            "search_range",
            {"vector": [1, 1], "threshold": 0, "max_results": 21},
            "Invalid argument: max_results 21 exceeds server max_top_k 20",
        ),
        ("head", {"n": 21}, "Invalid argument: n 21 exceeds server max_top_k 20"),
        ("tail", {"n": 21}, "Invalid argument: n 21 exceeds server max_top_k 20"),
        (
            "add",
            {"ids": list(range(31)), "vectors": [[1, 1]] * 31},
            "Invalid argument: vectors 31 exceeds server max_batch_vectors 30",
        ),
        (
            "delete",
            {"ids": list(range(31))},
            "Invalid argument: ids 31 exceeds server max_batch_vectors 30",
        ),
        ("restore", {"ids": list(range(31))}, "ids 31 exceeds server max_batch_vectors 30"),
        (
            "query",
            {"filter_ids": list(range(31))},
            "filter_ids 31 exceeds server max_batch_vectors 30",
        ),
        ("query_vectors", {"filter_ids": list(range(31))}, "filter_ids 31 exceeds"),
        ("read_by_only_id", {"id": list(range(31))}, "id 31 exceeds server max_batch_vectors 30"),
        (
            "add",
            {"ids": list(range(100, 111)), "vectors": [[1, 1]] * 11},
            "collection vector count 71 would exceed",
        ),
        ("upsert", {"ids": list(range(100, 111)), "vectors": [[1, 1]] * 11}, "would exceed"),
        (
            "add",
            {"ids": list(range(100, 115)), "vectors": [[1] * 2000] * 15},
            "vector bytes 120000 exceeds server max_collection_vector_bytes 100000",
        ),
    ],
)
def test_limits(c, route, body, text):
    answer = c.fails(400, text, route, **body)
    assert answer["code"] == "invalid_argument"
    assert c.ok("collection_shape")["shape"] == [60, 2]


@pytest.mark.parametrize(
    "route, query, text",
    [
        ("bulk_add_binary", {"n_vectors": 31}, "n_vectors 31 exceeds server max_batch_vectors 30"),
        (
            "add_records_binary",
            {"n_vectors": 31},
            "n_vectors 31 exceeds server max_batch_vectors 30",
        ),
        ("upsert_records_binary", {"n_vectors": 31}, "n_vectors 31 exceeds"),
        ("bulk_add_binary", {"n_vectors": 11}, "collection vector count 71 would exceed"),
        ("bulk_add_binary", {"n_vectors": 2**64}, "n_vectors"),
    ],
)
def test_binary_limits(c, route, query, text):
    body = numpy.ones((min(query["n_vectors"], 31), 2), "<f4").tobytes()
    c.raw_fails(400, text, route, body, dim=2, **query)


def test_within_the_limits(c):
    assert len(c.ok("search", vector=[1, 1], k=20)["items"]["ids"]) == 20
    assert len(c.ok("head", n=20)["head"][1]) == 20
    c.ok("upsert", ids=list(range(30)), vectors=[[5, 5]] * 30)
    c.ok("add", ids=list(range(100, 110)), vectors=[[1, 1]] * 10)


def test_bodies_that_are_too_long(c):
    status, _, data = c.client.request(
        "POST", "/add", b" " * (1 << 20) + b"{}", {"Content-Type": "application/json"}
    )
    assert status == 413
    assert c.raw("bulk_add_binary", bytes((1 << 20) + 1), dim=2, n_vectors=1)[0] == 413


def test_all_rows_come_in_order_of_insertion_though_they_are_many(small, collection_on):
    c = collection_on(small, "many")
    ids = [i if i % 3 else f"s{i}" for i in range(69, 0, -1)]
    for first in range(0, 69, 23):
        part = ids[first : first + 23]
        c.ok(
            "add",
            ids=part,
            vectors=[[i] for i in range(23)],
            fields=[{"x": str(id)} for id in part],
        )
    c.ok("delete", ids=ids[5:8])
    live = ids[:5] + ids[8:]
    assert c.ok("query", return_ids_only=True)["result"] == live
    assert c.ok("query")["result"] == [{"x": str(id), "id": id} for id in live]
    assert c.ok("query_vectors")["result"][1] == live


def test_limits_that_are_off(own_server, collection_on):
    server = own_server("--max-top-k", "0", "--max-batch-vectors", "0")
    c = collection_on(server)
    c.raw_ok("bulk_add_binary", numpy.ones(120000, "<f4").tobytes(), dim=1, n_vectors=120000)
    assert len(c.ok("search", vector=[1], k=11000)["items"]["ids"]) == 11000
    assert len(c.ok("head", n=11000)["head"][1]) == 11000
    assert len(c.ok("query", return_ids_only=True)["result"]) == 120000
