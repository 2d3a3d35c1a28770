"""Weaknesses of LynseDB that must not be here (numbers as in its list)."""

import numpy
import pytest

from server import Collection


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
