"""Weaknesses of LynseDB that must not be here (numbers as in its list)."""

import threading
import time

import numpy
import pytest

from data import clustered, recall
from server import TIME_FACTOR, Collection, Server


def f32(*values):
    return numpy.array(values, "<f4").tobytes()


class TestIdsAreNeverOrdinals:  # 1
    @pytest.fixture
    def c(self, make):
        c = make()
        c.ok("add", ids=[10, 11], vectors=[[1], [2]])
        return c

    def test_delete(self, c):
        c.ok("delete", ids=[0, 1])
        assert c.ok("query", return_ids_only=True)["result"] == [10, 11]
        assert c.ok("list_deleted_ids")["ids"] == []

    def test_restore(self, c):
        c.ok("delete", ids=[10])
        c.ok("restore", ids=[0])
        assert c.ok("list_deleted_ids")["ids"] == [10]

    def test_reads(self, c):
        c.fails(400, "external id 0 does not exist", "query", filter_ids=[0])
        c.fails(400, "external id 1 does not exist", "query_vectors", filter_ids=[1])
        c.fails(400, "external id 0 does not exist", "read_by_only_id", id=0)
        assert c.ok("is_id_exists", id=0)["is_id_exists"] is False

    def test_kinds_differ(self, c):
        c.ok("delete", ids=["10"])
        assert c.ok("query", return_ids_only=True)["result"] == [10, 11]


DIM, ROWS = 32, 3000


def filled(c, rows=ROWS):
    vectors, queries = clustered(rows, DIM)
    c.raw_ok("bulk_add_binary", vectors.tobytes(), dim=DIM, n_vectors=rows)
    return vectors, queries


def assert_found(c, ids, vectors):
    for id, vector in zip(ids, vectors):
        items = c.ok("search", vector=vector.tolist(), k=1, nprobe=10)["items"]
        assert items["ids"] == [id]


@pytest.mark.parametrize("mode", ["FLAT-L2-PQ", "FLAT-L2-RABITQ", "FLAT-L2-POLARVEC4"])
def test_rows_after_a_build_of_codes_are_found(make, mode):  # 2
    c = make()
    vectors, _ = filled(c)
    c.ok("build_index", index_mode=mode)
    ids = list(range(10**6, 10**6 + 3000))
    late = vectors + 50
    for first in range(0, 3000, 1000):
        part = slice(first, first + 1000)
        c.ok("add", ids=ids[part], vectors=late[part].tolist())
        assert_found(c, ids[first : first + 3], late[first : first + 3])
        c.ok("commit")
    for route in (None, "commit", "checkpoint", "compact"):
        if route:
            c.ok(route)
        both = numpy.concatenate([vectors, late])
        answers = [c.ok("search", vector=v.tolist())["items"]["ids"] for v in both[::50]]
        rows = [[i if i < ROWS else i - 10**6 + ROWS for i in a] for a in answers]
        assert recall("L2", both, both[::50], rows, 10) >= 0.93, route


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("mode", ["HNSW-L2", "IVF-L2", "SPANN-L2", "DISKANN-L2", "FLAT-L2-PQ"])
def test_rows_after_a_build_are_found_after_a_restart(own_server, collection_on, mode, how):  # 3
    server = own_server()
    c = collection_on(server)
    vectors, queries = filled(c)
    c.ok("build_index", index_mode=mode)
    late = vectors[:20] + 50
    ids = list(range(10**6, 10**6 + 20))
    c.ok("add", ids=ids, vectors=late.tolist())
    assert_found(c, ids, late)
    server.stop() if how == "stop" else server.kill()
    server.start()
    c = Collection(server.client(), "d", "c")
    assert c.ok("index_mode")["index_mode"] == mode
    assert_found(c, ids, late)
    assert c.ok("stats", details=True)["stats"]["rows_indexed"] >= ROWS, "nothing is built anew"
    answers = [c.ok("search", vector=q.tolist())["items"]["ids"] for q in queries]
    assert recall("L2", vectors, queries, [[i for i in a if i < ROWS] for a in answers], 10) >= 0.9


class TestAutomaticIdsCollideWithNothing:  # 4
    def test_numbered_after_an_explicit_id(self, make):
        c = make()
        c.ok("add", ids=[1], vectors=[[7]])
        c.raw_fails(
            400, "external id 1 already exists", "bulk_add_binary", f32(8), dim=1, n_vectors=1
        )
        assert c.ok("query_vectors")["result"][:2] == [[[7]], [1]]

    def test_streamed(self, make):
        c = make()
        c.ok("add", ids=[3, 1], vectors=[[7], [7]])
        c.raw_ok("bulk", b'{"vector":[1]}\n' * 5)
        ids = c.ok("query", return_ids_only=True)["result"]
        assert len(set(ids)) == 7


LONG = "x" * 70
SMALL = [
    {"a": 1, "b": 2, "c": 0},
    {"a": 1, "b": 9, "c": 3},
    {"a": 1, "b": 9, "c": 0},
    {"a": 0, "b": 2, "c": 3},
    {"x": 1, "y": 3},
    {"x": 2, "y": 3},
    {"x": 2, "y": 0},
    {"a": "x", "b": "z"},
    {"a": "y", "b": "w"},
    {"a": "z", "b": "x"},
    {"s": "it's"},
    {"s": "it"},
    {"d": "2025-06-01"},
    {"d": "2026-06-01"},
    {"d": "9"},
    {"n": 1},
    {"n": 1.0},
    {"n": "1"},
    {"n": 10},
    {"tags": ["two words", "one"]},
    {"tags": ["one", LONG]},
    {"tags": []},
    {"tags": "one"},
]
WRONG_IN_LYNSEDB = [
    # 5: OR keeps the first literal of each side
    ("a = 1 AND b = 2 OR c = 3", lambda r: r.get("a") == 1 and r["b"] == 2 or r.get("c") == 3),
    ("x = 1 OR x = 2 AND y = 3", lambda r: r.get("x") == 1 or r.get("x") == 2 and r["y"] == 3),
    # two lists are made one
    ("a IN ('x', 'y') AND b IN ('z')", lambda r: r.get("a") in ("x", "y") and r["b"] == "z"),
    # a text is cut at its quote
    ("s = 'it''s'", lambda r: r.get("s") == "it's"),
    # a range of texts is one of numbers, and matches every text
    ("d >= '2026'", lambda r: r.get("d", "") >= "2026"),
    ("d < '2026-01-01'", lambda r: r.get("d") == "2025-06-01"),
    ("n >= '1'", lambda r: r.get("n") == "1"),
    ("n >= 5", lambda r: r.get("n") == 10),
    # 1 and 1.0 are different
    ("n = 1", lambda r: r.get("n") == 1),
    ("n = 1.0", lambda r: r.get("n") == 1),
    ("n IN (1.0, 10)", lambda r: r.get("n") in (1, 10)),
    ("n = '1'", lambda r: r.get("n") == "1"),
    # 6: CONTAINS ends with the first tag that has a blank or is long, and stands alone
    ("tags CONTAINS 'one'", lambda r: type(r.get("tags")) is list and "one" in r["tags"]),
    ("tags CONTAINS 'two words'", lambda r: "two words" in r.get("tags", ())),
    (f"tags CONTAINS '{LONG}'", lambda r: LONG in r.get("tags", ())),
    ("(tags CONTAINS 'two words')", lambda r: "two words" in r.get("tags", ())),
    ("tags CONTAINS 'two words' OR x = 1", lambda r: "two words" in r.get("tags", ()) or
     r.get("x") == 1),
    ("NOT tags CONTAINS 'two words'", lambda r: "tags" in r and "two words" not in r["tags"]),
]


@pytest.fixture(scope="module", params=["memory", "segment"])
def small(request):
    server = Server("--seal-rows-min", "1")
    client = server.client()
    client.post("/create_database", {"database_name": "d"})
    c = Collection(client, "d", "c")
    c.ok("required_collection")
    rows = [{**row, "word": "all"} for row in SMALL]
    c.ok("add", ids=list(range(len(rows))), vectors=[[1, i] for i in range(len(rows))], fields=rows)
    c.ok("build_index", index_mode="FLAT-L2")
    if request.param == "segment":
        c.ok("checkpoint")
    yield c
    client.close()
    server.done()


@pytest.mark.parametrize("where, test", WRONG_IN_LYNSEDB, ids=[w for w, _ in WRONG_IN_LYNSEDB])
def test_filters_match_what_they_say(small, where, test):  # 5, 6
    c, wanted = small, [i for i, row in enumerate(SMALL) if test(row)]
    near = {"where": where, "vector": [1, 0]}
    assert wanted, "else it shows nothing"
    assert c.ok("query", where=where, return_ids_only=True)["result"] == wanted
    assert [r["id"] for r in c.ok("query", where=where)["result"]] == wanted
    assert c.ok("query_vectors", where=where)["result"][1] == wanted
    assert c.ok("count", where=where)["count"] == len(wanted)
    assert c.ok("search", k=50, **near)["items"]["ids"] == wanted
    batch = c.ok("batch_search", vectors=[[1, 0]], k=50, where=where)["results"]
    assert batch[0]["ids"] == wanted
    assert c.ok("search_range", threshold=1e9, **near)["result"]["ids"] == wanted
    profile = c.ok("search_profile", k=50, **near)
    assert profile["items"]["ids"] == wanted and profile["profile"]["filter_matches"] == len(wanted)
    found = c.ok("bm25_search", text="all", where=where, k=50)["items"]["ids"]
    assert sorted(found) == wanted
    found = c.ok("hybrid_search", text="all", k=50, **near)["items"]["ids"]
    assert sorted(found) == wanted


@pytest.mark.parametrize("route", ["flush", "commit", None])
def test_deletes_survive_a_kill(own_server, collection_on, route):  # 8
    server = own_server()
    c = collection_on(server, description="kept")
    c.ok("add", ids=list(range(20)), vectors=[[i] for i in range(20)])
    c.ok("delete", ids=[4, 5])
    c.ok("build_index", index_mode="FLAT-L2")
    c.ok("update_description", description="changed")
    if route:
        c.ok(route)
    server.kill()
    server.start()
    c = Collection(server.client(), "d", "c")
    assert c.ok("list_deleted_ids")["ids"] == [4, 5]
    assert c.ok("index_mode")["index_mode"] == "FLAT-L2"
    assert c.ok("get_collection_config")["config"]["description"] == "changed"


class TestTypos:  # 10
    def test_reading_a_missing_collection_creates_none(self, client, database):
        c = Collection(client, database, "typo")
        for route in ("collection_shape", "head", "stats", "commit"):
            c.fails(404, "Collection not found: typo", route)
        assert c.ok("is_collection_exists")["exists"] is False

    def test_another_dim_is_refused(self, make):
        c = make(dim=4)
        c.fails(400, "dimension", "required_collection", dim=5)
        assert c.ok("collection_shape")["shape"] == [0, 4]


class TestCompactionKeepsTheIndex:  # 11
    def test_its_parameters(self, own_server, collection_on):
        server = own_server()
        c = collection_on(server)
        filled(c)
        params = {"m": 24, "ef_construction": 90, "ef_search": 77, "alpha": 1.1, "n_clusters": 33}
        c.ok("build_index", index_mode="HNSW-L2-SQ8", params=params)
        for step in ("delete", "compact", "upsert", "compact", "restart", "compact"):
            if step == "delete":
                c.ok("delete", ids=list(range(100)))
            elif step == "upsert":
                c.ok("upsert", ids=[500], vectors=[[1] * DIM])
            elif step == "compact":
                c.ok("compact")
                stats = c.ok("stats", details=True)["stats"]
                assert stats["rows_indexed"] >= 0.99 * stats["n_live"]
            else:
                server.kill()
                server.start()
                c = Collection(server.client(), "d", "c")
            assert c.ok("stats", details=True)["stats"]["index_params"] == params, step
            assert c.ok("index_mode")["index_mode"] == "HNSW-L2-SQ8"

    @pytest.mark.parametrize("mode", ["HNSW-L2", "IVF-IP", "FLAT-L2-PQ", "FLAT-L2"])
    def test_when_every_row_is_deleted(self, make, mode):
        c = make()
        vectors, _ = filled(c)
        c.ok("build_index", index_mode=mode)
        c.ok("delete", ids=list(range(ROWS)))
        assert c.ok("search", vector=vectors[0].tolist())["items"]["ids"] == []
        assert c.ok("compact")["vectors_removed"] == ROWS
        assert c.ok("collection_shape")["shape"] == [0, DIM]
        assert c.ok("search", vector=vectors[0].tolist())["items"]["ids"] == []
        c.ok("add", ids=[1], vectors=[vectors[0].tolist()])
        assert c.ok("search", vector=vectors[0].tolist())["items"]["ids"] == [1]
        assert c.ok("index_mode")["index_mode"] == mode


class TestQuery:  # 12
    def test_deleted_rows_stay_out(self, make):
        c = make()
        c.ok("add", ids=[1, 2], vectors=[[1], [2]])
        c.ok("delete", ids=[1])
        assert c.ok("query")["result"] == [{"id": 2}]
        assert c.ok("search_range", vector=[1], threshold=0)["result"]["ids"] == [2]

    def test_range_sees_the_newest_rows(self, make):
        c = make()
        for i in range(5):
            c.ok("add", ids=[i], vectors=[[1]])
            assert len(c.ok("search_range", vector=[1], threshold=0)["result"]["ids"]) == i + 1

    def test_names_of_fields_are_the_users(self, own_server, collection_on):
        server = own_server()
        c = collection_on(server)
        fields = [{"external_id": 1, "_id": 2, "id": 3}, {"only": "here"}, {}]
        c.ok("add", ids=["a", "b", "c"], vectors=[[1], [2], [3]], fields=fields)
        for _ in range(2):
            assert c.ok("head")["head"][2] == fields, "and no null for keys a row never had"
            assert c.ok("query")["result"] == [
                {"external_id": 1, "_id": 2, "id": "a"},
                {"only": "here", "id": "b"},
                {"id": "c"},
            ]
            server.stop()
            server.start()
            c = Collection(server.client(), "d", "c")


class TestNumbersThatAreNone:  # 13
    @pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
    @pytest.mark.parametrize("encoding", ["float32", "float16"])
    def test_binary_routes(self, make, value, encoding):
        c = make()
        body = numpy.array([0, 1, 2, value], "<f4" if encoding == "float32" else "<f2").tobytes()
        args = {"dim": 2, "vector_encoding": encoding}
        for route, extra in [
            ("bulk_add_binary", {}),
            ("add_records_binary", {"ids_encoding": "range", "ids_start": 0}),
            ("upsert_records_binary", {"ids_encoding": "range", "ids_start": 0}),
        ]:
            error = c.raw_fails(400, "", route, body, n_vectors=2, **args, **extra)["error"]
            assert "[1][1]" in error or "row 1" in error, error
        assert c.ok("max_id")["max_id"] == -1
        c.ok("required_collection")
        c.raw_ok("bulk_add_binary", f32(1, 2), dim=2, n_vectors=1)
        for route, extra in [("search_binary", {}), ("batch_search_binary", {"n_queries": 1})]:
            status, _, data = c.raw(route, body[len(body) // 2 :], **args, **extra)
            assert status == 400, data

    def test_ties_come_by_id(self, make):
        c = make()
        ids = [9, "b", 3, "a", 2**64 - 1]
        c.ok("add", ids=ids, vectors=[[1]] * 5)
        for _ in range(3):
            assert c.ok("search", vector=[1])["items"]["ids"] == [3, 9, 2**64 - 1, "a", "b"]


class TestABuildHoldsNobodyUp:  # 17, 18, 19
    def test_searches_writes_and_probes_go_on(self, own_server, collection_on):
        server = own_server("--compact-cpu-percent", "5", "--workers", "2")
        c = collection_on(server)
        vectors, _ = filled(c, 20000)
        other = Collection(server.client(), "d", "c")
        thread = threading.Thread(target=lambda: other.call("build_index", index_mode="HNSW-L2"))
        thread.start()
        client = server.client()
        deadline = time.monotonic() + 30 * TIME_FACTOR
        while not any(
            j["state"] == "running"
            for j in client.get("/jobs")["params"]["jobs"]
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for i in range(20):
            began = time.monotonic()
            assert client.request("GET", "/healthz")[0] == 200
            c.ok("upsert", ids=[i], vectors=[(vectors[i] + 50).tolist()])
            assert_found(c, [i], [vectors[i] + 50])
            c.ok("delete", ids=[i])
            assert time.monotonic() - began < 5
        assert any(j["state"] == "running" for j in client.get("/jobs")["params"]["jobs"])
        for job in client.get("/jobs")["params"]["jobs"]:
            client.post(f"/jobs/{job['id']}/cancel", {})
        thread.join()
        client.close()

    def test_an_upsert_rebuilds_nothing(self, make):
        c = make()
        vectors, _ = filled(c)
        c.ok("build_index", index_mode="HNSW-L2")
        before = c.ok("stats", details=True)["stats"]
        c.ok("upsert", ids=[3], vectors=[(vectors[3] + 50).tolist()])
        assert_found(c, [3], [vectors[3] + 50])
        after = c.ok("stats", details=True)["stats"]
        assert after["index_bytes"] == before["index_bytes"]
        assert after["rows_indexed"] == before["rows_indexed"]


def test_many_deleted_rows_leave_k_hits(make):  # 20
    c = make()
    vectors, _ = filled(c)
    c.ok("build_index", index_mode="HNSW-L2")
    gone = numpy.argsort(((vectors - vectors[0]) ** 2).sum(1))[:2500]
    c.ok("delete", ids=gone.tolist())
    ids = c.ok("search", vector=vectors[0].tolist(), k=100)["items"]["ids"]
    assert len(set(ids)) == 100 and not set(ids) & set(gone.tolist())


@pytest.mark.parametrize("mode", ["HNSW-L2", "HNSW-L2-SQ8", "IVF-L2", "SPANN-L2", "DISKANN-L2"])
def test_recall_is_high_although_clients_send_nprobe_10(make, mode):  # 25
    c = make()
    vectors, queries = filled(c, 12000)
    c.ok("build_index", index_mode=mode)
    answers = [
        c.ok("search", vector=q.tolist(), nprobe=10, approx=False, eps=1e-4)["items"]["ids"]
        for q in queries
    ]
    assert recall("L2", vectors, queries, answers, 10) >= 0.93
