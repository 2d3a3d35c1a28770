"""What GoVector gets wrong, a test each, in the order of its list of weaknesses (a to j), through
the routes that do the same here. Most of them only show after a restart."""

import json
import threading

import numpy
import pytest

from data import clustered, distances
from server import Collection

BIG = 1795219200123456789  # nanoseconds: more than a double holds


@pytest.fixture
def server(own_server):
    return own_server()


def restart(server, c):
    server.kill()
    server.start()
    return Collection(server.client(), c.database, c.name)



def test_a_dropped_collection_stays_dropped(server, collection_on):
    """There, a drop forgets the name in memory alone, and the next start has it again."""
    c = collection_on(server, dim=2)
    c.ok("add", ids=[1], vectors=[[1, 2]])
    status, _ = c.client.post("/drop_collection", c.names)
    assert status == 200
    c = restart(server, c)
    c.fails(404, "Collection not found", "search", vector=[1, 2])
    shown = c.client.post("/show_collections", {"database_name": "d"})[1]["params"]
    assert shown["collections"] == []
    c.ok("required_collection", dim=3)  # the name is free, and nothing of the old one is in it
    assert c.ok("collection_shape")["shape"] == [0, 3]


def test_b_a_failed_upsert_leaves_the_old_version(server, collection_on):
    """There, undoing an upsert deletes the point, and with it what was there before."""
    c = collection_on(server, dim=2)
    c.ok("add", ids=[1, 2], vectors=[[1, 2], [3, 4]], fields=[{"v": "old"}, {"v": "old"}])
    c.fails(400, "", "upsert", ids=[1, 2], vectors=[[9, 9], [9]], fields=[{"v": "new"}] * 2)
    c.fails(400, "", "upsert", ids=[1, 2], vectors=[[9, 9], [9, 9, 9]])
    for _ in range(2):
        found = c.ok("search", vector=[1, 2], k=5, return_fields=True)["items"]
        assert sorted(found["ids"]) == [1, 2]
        assert [f["v"] for f in found["fields"]] == ["old", "old"]
        c = restart(server, c)


def test_c_versions_outlive_a_restart(server, collection_on):
    """There, the version of a point is not stored, and 0 afterwards."""
    c = collection_on(server, dim=1)
    c.ok("add", ids=[1, 2], vectors=[[1], [2]], fields=[{"version": BIG}, {"version": BIG + 1}])
    for _ in range(2):
        head = c.ok("head", n=2)["head"]
        assert [f["version"] for f in head[2]] == [BIG, BIG + 1]
        c = restart(server, c)


def test_d_ranges_of_integers_after_a_restart(server, collection_on):
    """There, integers come back as another type, and every range matches every row."""
    c = collection_on(server, dim=1)
    c.ok(
        "add", ids=list(range(100)), vectors=[[i] for i in range(100)],
        fields=[{"n": i, "big": BIG + i} for i in range(100)],
    )  # fmt: skip
    for _ in range(2):
        assert c.ok("query", return_ids_only=True, where="n < 10")["result"] == list(range(10))
        few = c.ok("query", return_ids_only=True, where=f"big >= {BIG + 97}")["result"]
        assert few == [97, 98, 99]
        found = c.ok("search", vector=[1], k=100, where="n >= 95")["items"]
        assert sorted(found["ids"]) == [95, 96, 97, 98, 99]
        c = restart(server, c)


def test_e_filtered_graph_search_finds_k(server, collection_on):
    """There, a graph is searched first and filtered afterwards: fewer than k come back although
    more match."""
    vectors, queries = clustered(4000, 16)
    c = collection_on(server, dim=16)
    for at in range(0, 4000, 1000):
        ids = list(range(at, at + 1000))
        c.ok(
            "add", ids=ids, vectors=vectors[ids].tolist(),
            fields=[{"rare": i % 200 == 0} for i in ids],
        )  # fmt: skip
    c.ok("build_index", index_mode="HNSW-L2")
    rare = numpy.arange(0, 4000, 200)
    for query in queries[:10]:
        asked = {"vector": query.tolist(), "k": 10, "where": "rare = true"}
        found = c.ok("search", **asked)["items"]["ids"]
        best = rare[distances("L2", vectors[rare], query).argsort()[:10]]
        assert len(found) == 10 and set(found) <= set(rare.tolist())
        assert len(set(found) & set(best.tolist())) >= 9


def test_f_equality_of_lists_and_objects(server, collection_on):
    """There, comparing what cannot be compared ends the process."""
    c = collection_on(server, dim=1)
    odd = [[1, 2], {"a": {"b": [1]}}, None, "x", 5]
    c.ok("add", ids=list(range(5)), vectors=[[i] for i in range(5)], fields=[{"v": v} for v in odd])
    for value in ([1, 2], {"a": 1}, [[]], None, {}):
        asked = {"filter": {"must": [{"key": "v", "match": {"value": value}}]}}
        status, answer = c.call("query", return_ids_only=True, **asked)
        assert status in (200, 400), answer
        if status == 200:
            assert 3 not in answer["params"]["result"] and 4 not in answer["params"]["result"]
    assert c.ok("query", return_ids_only=True, where="v = 'x'")["result"] == [3]
    assert c.ok("query", return_ids_only=True, where="v = 5")["result"] == [4]


def test_g_fields_are_what_was_given(server, collection_on):
    """There, codes of the vector land in the caller's own payload, and text that looks like JSON
    comes back as an object."""
    given = [
        {"text": '{"a": [1, 2]}', "n": "12"}, {"text": "[1, 2, 3]", "__quantized_vector": "mine"},
        {"text": "null"}, {"text": "é\u2028\U0001f600"}, {},
    ]  # fmt: skip
    vectors = clustered(500, 8)[0]
    c = collection_on(server, dim=8)
    c.ok("add", ids=list(range(5)), vectors=vectors[:5].tolist(), fields=given)
    c.ok("add", ids=list(range(5, 500)), vectors=vectors[5:].tolist())
    c.ok("build_index", index_mode="FLAT-L2-SQ8")
    for _ in range(2):
        assert c.ok("head", n=5)["head"][2] == given
        c = restart(server, c)


def test_h_lists_while_names_come_and_go(server, collection_on):
    """There, lists read a map while others write to it."""
    c = collection_on(server, dim=1)
    stop, wrong = threading.Event(), []

    def come_and_go(number):
        client = server.client()
        for i in range(30):
            mine = Collection(client, "d", f"c{number}-{i}")
            if mine.call("required_collection", dim=1)[0] != 200:
                wrong.append("not made")
            if client.post("/drop_collection", mine.names)[0] != 200:
                wrong.append("not dropped")
        client.close()

    def look():
        client = server.client()
        while not stop.is_set():
            status, answer = client.post("/show_collections", {"database_name": "d"})
            if status != 200 or "c" not in answer["params"]["collections"]:
                wrong.append(answer)
        client.close()

    workers = [threading.Thread(target=come_and_go, args=(i,)) for i in range(3)]
    lookers = [threading.Thread(target=look) for _ in range(2)]
    for thread in workers + lookers:
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    for thread in lookers:
        thread.join()
    assert wrong == []
    shown = c.client.post("/show_collections", {"database_name": "d"})[1]["params"]
    assert shown["collections"] == ["c"]


def test_i_there_are_limits(own_server, collection_on):
    """There, nothing is limited: bodies, results, rows."""
    server = own_server("--json-limit-mb", "1", "--max-top-k", "10", "--max-batch-vectors", "5")
    c = collection_on(server, dim=2)
    c.ok("add", ids=[1], vectors=[[1, 2]])
    c.fails(400, "max_top_k 10", "search", vector=[1, 2], k=11)
    c.fails(400, "max_batch_vectors 5", "batch_search", vectors=[[1, 2]] * 6)
    body = json.dumps({**c.names, "vector": [1, 2], "where": "x" * (2 << 20)}).encode()
    status, _, _ = c.client.request("POST", "/search", body, {"Content-Type": "application/json"})
    assert status == 413
    assert c.ok("search", vector=[1, 2], k=1)["items"]["ids"] == [1]


def test_j_hard_links_that_are_a_backup(server, collection_on):
    """There, a hard link of the file that is written in place changes with it. Here a snapshot is
    made of hard links too, of files that never change."""
    c = collection_on(server, dim=2)
    ids = list(range(2000))
    c.ok("add", ids=ids, vectors=[[i, 1] for i in ids], fields=[{"v": "old"}] * 2000)
    c.ok("checkpoint")
    c.ok("snapshot_collection", snapshot_path="linked")
    before = c.ok("head", n=2000)["head"]
    c.ok("upsert", ids=ids[:1000], vectors=[[-i, -1] for i in ids[:1000]],
         fields=[{"v": "new"}] * 1000)  # fmt: skip
    c.ok("delete", ids=ids[1000:])
    c.ok("checkpoint")
    c.ok("compact")
    c = restart(server, c)
    again = Collection(c.client, "d", "again")
    again.ok("restore_collection", snapshot_path="linked")
    assert again.ok("head", n=2000)["head"] == before
    assert c.ok("head", n=1)["head"][2] == [{"v": "new"}]
