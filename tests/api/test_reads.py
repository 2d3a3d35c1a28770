"""Rows out by JSON."""

import pytest

BIG = 2**64 - 1
FIELDS = [{"a": 1, "id": "user's", "external_id": 5}, {}, {"b": [1, {"c": None}]}]


@pytest.fixture
def c(make):
    c = make()
    c.ok("add", ids=[7, "x", BIG], vectors=[[1, 2.5], [3, 4], [5, 1e-3]], fields=FIELDS)
    return c


def test_head_and_tail(c):
    rows = [[[1, 2.5], [3, 4], [5, 1e-3]], [7, "x", BIG], FIELDS]
    first, last = [part[:2] for part in rows], [part[1:] for part in rows]
    assert c.ok("head") == {**c.names, "head": rows}
    assert c.ok("tail") == {**c.names, "tail": rows}
    assert c.ok("head", n=2)["head"] == first
    assert c.ok("tail", n=2)["tail"] == last
    assert c.ok("head", n=0)["head"] == [[], [], []]
    assert c.ok("tail", n=10000)["tail"] == rows
    for bad in (-1, 1.5, "2", True):
        c.fails(400, "n must be", "head", n=bad)


def test_empty_collection(make):
    c = make("empty")
    for route, key in (("head", "head"), ("tail", "tail"), ("query_vectors", "result")):
        assert c.ok(route)[key] == [[], [], []]
    assert c.ok("query")["result"] == []


def test_query(c):
    assert c.ok("query") == {
        **c.names,
        "result": [
            {"a": 1, "id": 7, "external_id": 5},
            {"id": "x"},
            {"b": [1, {"c": None}], "id": BIG},
        ],
    }
    assert c.ok("query", return_ids_only=True)["result"] == [7, "x", BIG]
    assert c.ok("query", filter_ids=[BIG, 7], return_ids_only=True)["result"] == [BIG, 7]
    assert c.ok("query", filter_ids=[])["result"] == []
    assert c.ok("query", filter_ids=None)["result"] == c.ok("query")["result"]
    c.fails(400, "external id 8 does not exist", "query", filter_ids=[7, 8])
    c.fails(400, "filter_ids[0]", "query", filter_ids=[True])
    c.fails(400, "filter_ids", "query", filter_ids=7)
    c.fails(400, "return_ids_only", "query", return_ids_only=1)


def test_query_vectors(c):
    assert c.ok("query_vectors") == {
        **c.names,
        "result": [[[1, 2.5], [3, 4], [5, 1e-3]], [7, "x", BIG], FIELDS],
    }
    assert c.ok("query_vectors", filter_ids=["x"])["result"] == [[[3, 4]], ["x"], [{}]]
    assert c.ok("query_vectors", filter_ids=[])["result"] == [[], [], []]
    c.fails(400, "external id 'nosuch' does not exist", "query_vectors", filter_ids=["nosuch"])


@pytest.mark.parametrize("route", ["query", "query_vectors"])
@pytest.mark.parametrize("where", ["a = ", "", 5])
def test_wrong_filters_are_refused(c, route, where):
    answer = c.fails(400, "where", route, where=where, filter_ids=[7])
    assert answer["code"] == "invalid_argument"


def test_queries_leave_deleted_rows_out(c):
    c.ok("delete", ids=["x"])
    assert c.ok("query", return_ids_only=True)["result"] == [7, BIG]
    assert c.ok("query", filter_ids=["x", 7], return_ids_only=True)["result"] == [7]
    assert c.ok("query_vectors", filter_ids=["x"])["result"] == [[], [], []]
    assert c.ok("query_vectors")["result"][1] == [7, BIG]


def test_read_by_only_id(c):
    assert c.ok("read_by_only_id", id=7) == {**c.names, "item": [[[1, 2.5]], [7], [FIELDS[0]]]}
    assert c.ok("read_by_only_id", id=BIG)["item"][1] == [BIG]
    assert c.ok("read_by_only_id", id=["x", 7, "x"])["item"][1] == ["x", 7, "x"]
    assert c.ok("read_by_only_id", id=[])["item"] == [[], [], []]
    c.fails(400, "external id 0 does not exist", "read_by_only_id", id=0)
    c.fails(400, "external id '7' does not exist", "read_by_only_id", id="7")
    for bad in (1.5, True, -1, "", {}, [[7]], [None]):
        c.fails(400, "id", "read_by_only_id", id=bad)
    c.fails(400, "missing field `id`", "read_by_only_id", id=None)


def test_list_fields(c):
    assert c.ok("list_fields") == {**c.names, "fields": ["a", "b", "external_id", "id"]}
