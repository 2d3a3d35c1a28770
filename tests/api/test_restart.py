"""What was acknowledged is there again, after a clean stop and after a kill."""

import numpy
import pytest

from ldbf1 import payload
from server import Collection

MODES = ["stop", "kill"]


def reopen(server, how):
    if how == "stop":
        assert server.stop() == 0
    else:
        server.kill()
    server.start()
    return Collection(server.client(), "d", "c")


def snapshot(c):
    return {
        route: c.ok(route, **body)
        for route, body in [
            ("head", {"n": 100}),
            ("tail", {"n": 3}),
            ("stats", {}),
            ("get_collection_config", {}),
            ("index_mode", {}),
            ("list_deleted_ids", {}),
            ("list_fields", {}),
            ("query", {}),
            ("search", {"vector": [1, 2], "k": 50, "return_fields": True}),
            ("max_id", {}),
        ]
    }


@pytest.mark.parametrize("how", MODES)
def test_everything_comes_back(own_server, collection_on, how):
    server = own_server()
    c = collection_on(server, description="words", dtypes="float16")
    c.ok(
        "add",
        ids=[1, "a", 2**64 - 1],
        vectors=[[1, 2], [3, 4], [5, 6]],
        fields=[{"n": 1.0, "big": 2**64 - 1}, {}, {"x": None}],
    )
    c.ok("build_index", index_mode="flat-L2")
    c.raw_ok("bulk_add_binary", numpy.array([7, 8, 9, 10], "<f4").tobytes(), dim=2, n_vectors=2)
    c.raw_ok(
        "add_records_binary",
        numpy.array([1, 1], "<f4").tobytes()
        + bytes([50] + [0] * 7)
        + payload([{"b": [1, {"c": "d"}]}]),
        dim=2,
        n_vectors=1,
    )
    c.ok("upsert", ids=["a", "new"], vectors=[[30, 40], [0, 0]])
    c.ok("delete", ids=[1, 3])
    c.ok("restore", ids=[3])
    before = snapshot(c)
    assert before["stats"]["stats"]["n_vectors"] == 7 and before["list_deleted_ids"]["ids"] == [1]
    for route in (None, "commit", "flush", "checkpoint", "close_collection"):
        if route:
            c.ok(route)
        c = reopen(server, how)
        assert snapshot(c) == before, f"after {route}"
    c.ok("restore", ids=[1])
    assert c.ok("stats")["stats"]["n_live"] == 7


@pytest.mark.parametrize("how", MODES)
def test_drops_stay_dropped(own_server, collection_on, how):
    server = own_server()
    c = collection_on(server)
    c.ok("add", ids=[1], vectors=[[1]])
    c.ok("drop_collection")
    assert c.client.post("/create_database", {"database_name": "e"})[0] == 200
    assert c.client.post("/drop_database", {"database_name": "e"})[0] == 200
    c = reopen(server, how)
    c.fails(404, "Collection not found: c", "collection_shape")
    assert c.client.post("/database_exists", {"database_name": "e"})[1]["params"]["exists"] is False
    c.ok("required_collection")
    assert c.ok("collection_shape")["shape"] == [0, 0]


def test_kill_between_writes(own_server, collection_on):
    """Deletes and upserts are as durable as inserts."""
    server = own_server()
    c = collection_on(server)
    live = {}
    for round_ in range(4):
        for i in range(10):
            id = round_ * 10 + i
            c.ok("add", ids=[id], vectors=[[id]])
            live[id] = [id]
        gone = round_ * 10 + 3
        c.ok("delete", ids=[gone])
        del live[gone]
        c.ok("upsert", ids=[round_ * 10], vectors=[[-1]])
        live[round_ * 10] = [-1]
        c = reopen(server, "kill")
        vectors, ids, _ = c.ok("query_vectors")["result"]
        assert dict(zip(ids, vectors)) == live
        assert c.ok("list_deleted_ids")["ids"] == [r * 10 + 3 for r in range(round_ + 1)]


@pytest.mark.parametrize("how", MODES)
def test_bulk_comes_back(own_server, collection_on, how):
    server = own_server("--session-memory-max", str(1 << 20), "--bulk-segment-bytes", str(1 << 20))
    c = collection_on(server)
    array = numpy.random.default_rng(4).random((20000, 32)).astype("<f4")
    frames = b"".join(
        b"VRVB" + np_head(part, first) + part.tobytes()
        for first in range(0, 20000, 5000)
        for part in [array[first : first + 5000]]
    )
    c.raw_ok("bulk", frames, format="frames", commit="end")
    c = reopen(server, how)
    assert c.ok("collection_shape")["shape"] == [20000, 32]
    q = array[12345]
    items = c.ok("search", vector=q.tolist(), k=3)["items"]
    best = numpy.argsort(-(array.astype(float) @ q.astype(float)))[:3]
    assert items["ids"] == best.tolist()


def np_head(part, first):
    import struct

    return struct.pack("<IIBBBBQ", len(part), part.shape[1], 0, 2, 0, 0, first)
