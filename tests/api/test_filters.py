"""Filters over HTTP: every route that takes one, in both grammars, against plain Python."""

import json
import time

import numpy
import pytest

from filters import DIM, FILTERS, ROWS, fields, fill, vectors
from test_binary import search_block

GONE = [0, 5, 30, 45]  # deleted before every test


@pytest.fixture
def c(make):
    c = make()
    fill(c)
    c.ok("delete", ids=GONE)
    return c


def expected(test):
    return [i for i in range(ROWS) if i not in GONE and test(fields(i))]


def nearest(data, rows, q, k):
    scores = data.astype(float) @ q.astype(float)
    return sorted(rows, key=lambda i: -scores[i])[:k]


def given(where, params):
    return {"where": where} | ({"where_params": params} if params is not None else {})


@pytest.mark.parametrize("where, params, qdrant, test", FILTERS, ids=[f[0] for f in FILTERS])
def test_rows(c, where, params, qdrant, test):
    rows, asked = expected(test), given(where, params)
    for how in [asked] + ([{"filter": qdrant}] if qdrant else []):
        assert c.ok("query", return_ids_only=True, **how)["result"] == rows
        assert c.ok("count", **how)["count"] == len(rows)
    assert c.ok("query", **asked)["result"] == [{**fields(i), "id": i} for i in rows]
    got_vectors, ids, got_fields = c.ok("query_vectors", **asked)["result"]
    assert ids == rows and got_fields == [fields(i) for i in rows]
    numpy.testing.assert_array_equal(
        numpy.array(got_vectors, "f4").reshape(-1, DIM), vectors()[rows]
    )
    found = []
    page = c.ok("scroll", n=7, **asked)
    while True:
        found += page["ids"]
        assert page["fields"] == [fields(i) for i in page["ids"]]
        if page["next"] is None:
            break
        page = c.ok("scroll", n=7, **{"from": page["next"]}, **asked)
    assert found == rows


@pytest.mark.parametrize("where, params, qdrant, test", FILTERS, ids=[f[0] for f in FILTERS])
def test_search(c, where, params, qdrant, test):
    data, rows, asked = vectors(), expected(test), given(where, params)
    queries = vectors(3, seed=9)
    q = queries[0]
    best = nearest(data, rows, q, 20)
    items = c.ok("search", vector=q.tolist(), k=20, return_fields=True, **asked)["items"]
    assert items["ids"] == best and items["fields"] == [fields(i) for i in best]
    numpy.testing.assert_allclose(items["scores"], (data @ q)[best], rtol=1e-5, atol=1e-5)
    if qdrant:
        assert c.ok("search", vector=q.tolist(), k=20, filter=qdrant)["items"]["ids"] == best
    results = c.ok("batch_search", vectors=queries.tolist(), k=20, **asked)["results"]
    assert [r["ids"] for r in results] == [nearest(data, rows, q, 20) for q in queries]
    inside = [i for i in rows if data[i].astype(float) @ q > 0.5]
    ranged = c.ok("search_range", vector=q.tolist(), threshold=0.5, return_fields=True, **asked)
    assert sorted(ranged["result"]["ids"]) == inside
    assert ranged["result"]["fields"] == [fields(i) for i in ranged["result"]["ids"]]


FIRST = FILTERS[:6]


@pytest.mark.parametrize("where, params, qdrant, test", FIRST, ids=[f[0] for f in FIRST])
def test_binary(c, where, params, qdrant, test):
    """Ordinals are the ids here: rows came in order."""
    data, rows, queries = vectors(), expected(test), vectors(3, seed=9)
    asked = {"where": where} | ({"where_params": json.dumps(params)} if params else {})
    for how in [asked] + ([{"filter": json.dumps(qdrant)}] if qdrant else []):
        status, _, reply = c.raw("search_binary", queries[0].tobytes(), dim=DIM, k=9, **how)
        assert status == 200, reply
        assert search_block(reply)[0] == nearest(data, rows, queries[0], 9)
        status, _, reply = c.raw(
            "batch_search_binary", queries.tobytes(), dim=DIM, n_queries=3, k=9, **how
        )
        assert status == 200, reply
        at = 4
        for q in queries:
            found, _, _, at = search_block(reply, at)
            assert found == nearest(data, rows, q, 9)


Q = [1.0] * DIM
ROUTES = [
    ("search", {"vector": Q}),
    ("batch_search", {"vectors": [Q]}),
    ("search_range", {"vector": Q, "threshold": 1}),
    ("search_profile", {"vector": Q}),
    ("bm25_search", {"text": "river"}),
    ("text_search", {"text": "river"}),
    ("sparse_search", {"vector": {"indices": [1], "values": [1]}}),
    ("hybrid_search", {"vector": Q, "text": "river"}),
    ("query", {}),
    ("query_vectors", {}),
    ("count", {}),
    ("facets", {"field": "group"}),
    ("scroll", {}),
    ("delete", {}),
]


@pytest.mark.parametrize("route, body", ROUTES, ids=[r[0] for r in ROUTES])
def test_refusals(c, route, body):
    for how, text in [
        ({"where": "n = "}, "where, column 5: expected a value after '='"),
        ({"where": ""}, "where, column 1: expected a condition"),
        ({"where": "n = 1; DROP TABLE x"}, "where, column 6: unexpected character ';'"),
        ({"where": 5}, "where must be a string"),
        ({"where": "n = :x"}, ":x"),
        ({"where": "n = 1", "where_params": {"x": 1}}, "x"),
        ({"where": "n = 1", "where_params": 5}, "where_params"),
        ({"where_params": {"x": 1}}, "where_params needs where"),
        ({"where": "n = 1", "filter": {"must": []}}, "not both"),
        ({"filter": []}, "filter must be an object"),
        ({"filter": {"maust": []}}, "maust"),
        ({"filter": {"must": [{"key": "n", "range": {"gt": {}}}]}}, "must[0].range.gt"),
    ]:
        assert c.fails(400, text, route, **body, **how)["code"] == "invalid_argument"
    assert c.ok("count")["count"] == ROWS - len(GONE), "a filter that fails deletes nothing"


def test_refusals_in_binary(c):
    q = numpy.ones(DIM, "<f4").tobytes()
    for how, text in [
        ({"where": "n = "}, b"where, column 5"),
        ({"where": "n = 1", "where_params": "{"}, b"where_params"),
        ({"filter": "{"}, b"filter"),
        ({"filter": "5"}, b"filter must be an object"),
        ({"where": "n = 1", "filter": "{}"}, b"not both"),
        ({"where_params": "[]"}, b"needs where"),
        ({"where": ""}, b"where, column 1"),
    ]:
        status, headers, reply = c.raw("search_binary", q, dim=DIM, **how)
        assert status == 400 and text in reply, (how, reply)
        assert headers["Content-Type"].startswith("text/plain")
    assert c.raw("search_binary", q, dim=DIM, where_params="", filter="")[0] == 200


def test_the_column_is_pointed_at(c):
    error = c.fails(400, "column 17", "query", where="n = 1 AND age = AND x")["error"]
    lines = error.split("\n")
    at = lines[2].index("^")
    assert lines[1][at : at + 5] == "AND x"


def test_limits(c):
    many = " OR ".join(f"n = {i} AND even" for i in range(1200))
    assert c.fails(400, "1000", "query", where=many)["code"] == "invalid_argument"
    c.fails(400, "64", "query", where="(" * 100 + "even" + ")" * 100)
    c.fails(400, "65536", "query", where="n IN (:l)", where_params={"l": list(range(70000))})
    assert c.ok("count", where="n IN (:l)", where_params={"l": list(range(60000))})["count"] == 596


def test_where_wins_over_filter_ids(c):
    assert c.ok("query", where="n = 7", filter_ids=[8], return_ids_only=True)["result"] == [7]
    assert c.ok("query_vectors", where="n = 7", filter_ids=[8])["result"][1] == [7]
    nulls = {"where": None, "filter": None, "where_params": None, "return_ids_only": True}
    assert c.ok("query", filter_ids=[8], **nulls)["result"] == [8]


def test_more_rows_than_one_page(own_server, collection_on):
    """/query has no limit of its own: max_top_k is that of one read."""
    c = collection_on(own_server("--max-top-k", "50"))
    fill(c)
    rows = [i for i in range(ROWS) if fields(i)["group"] != "a"]
    assert len(rows) > 50
    assert c.ok("query", where="group <> 'a'", return_ids_only=True)["result"] == rows
    assert c.ok("query_vectors", where="group <> 'a'")["result"][1] == rows
    c.fails(400, "exceeds server max_top_k 50", "scroll", n=51)
    c.fails(400, "exceeds server max_top_k 50", "facets", field="n", limit=51)


def test_delete_by_filter(c):
    doomed = [i for i in range(ROWS) if i not in GONE and fields(i)["group"] == "b"]
    params = c.ok("delete", where="group = :g", where_params={"g": "b"})
    assert params == {**c.names, "status": "ok", "rows_deleted": len(doomed)}
    assert c.ok("count")["count"] == ROWS - len(GONE) - len(doomed)
    assert c.ok("delete", where="group = 'b'")["rows_deleted"] == 0
    assert set(c.ok("list_deleted_ids")["ids"]) == set(GONE) | set(doomed)
    c.ok("restore", ids=doomed[:3])
    assert c.ok("query", where="group = 'b'", return_ids_only=True)["result"] == doomed[:3]
    assert c.ok("delete", filter={"must": [{"has_id": [1, 2]}]})["rows_deleted"] == 2
    c.fails(400, "not both", "delete", where="group = 'a'", ids=[1])
    c.fails(400, "missing field `ids`", "delete")


def test_facets(c):
    live = [fields(i) for i in range(ROWS) if i not in GONE]

    def counted(values):
        counts = {}
        for value in values:
            counts[json.dumps(value)] = counts.get(json.dumps(value), 0) + 1
        return counts

    def asked(**how):
        facets = c.ok("facets", limit=1000, **how)["facets"]
        counts = [f["count"] for f in facets]
        assert counts == sorted(counts, reverse=True)
        return {json.dumps(f["value"]): f["count"] for f in facets}

    assert asked(field="group") == counted(r["group"] for r in live)
    assert asked(field="even") == counted(r["even"] for r in live)
    assert asked(field="year") == counted(r["year"] for r in live if "year" in r)
    assert asked(field="doc.lang") == counted(r["doc"]["lang"] for r in live)
    assert asked(field="tags[]") == counted(t for r in live for t in r.get("tags", []))
    assert asked(field="group", where="even") == counted(r["group"] for r in live if r["even"])
    assert asked(field="nosuch") == {}
    assert len(c.ok("facets", field="n", limit=4)["facets"]) == 4
    assert len(c.ok("facets", field="n")["facets"]) == 10
    c.fails(400, "missing field `field`", "facets")
    c.fails(400, "", "facets", field="a..b")


def test_scroll_by_a_field(c):
    live = [i for i in range(ROWS) if i not in GONE and fields(i)["group"] == "a"]
    for descending in (False, True):
        rows = sorted(live, key=lambda i: fields(i)["price"], reverse=descending)
        asked = dict(where="group = 'a'", order_by="price", descending=descending)
        assert c.ok("scroll", n=1000, **asked)["ids"] == rows
        assert c.ok("scroll", n=10, offset=20, **asked)["ids"] == rows[20:30]
    from_50 = [i for i in live if fields(i)["price"] >= 50]
    page = c.ok("scroll", where="group = 'a'", order_by="price", start_from=50, n=1000)
    assert page["ids"] == from_50
    with_years = [i for i in range(ROWS) if i not in GONE and "year" in fields(i)]
    assert sorted(c.ok("scroll", order_by="year", n=1000)["ids"]) == with_years
    days = [fields(i)["day"] for i in c.ok("scroll", order_by="day", n=1000)["ids"]]
    assert days == sorted(days) and len(days) == ROWS - len(GONE)
    page = c.ok("scroll", n=2, return_fields=False, return_vectors=True)
    assert "fields" not in page and page["ids"] == [1, 2] and page["next"] == 3
    numpy.testing.assert_array_equal(numpy.array(page["vectors"], "f4"), vectors()[1:3])
    for bad in [{"n": 0}, {"n": -1}, {"order_by": "price", "from": 3}, {"from": 1.5}]:
        c.fails(400, "", "scroll", **bad)


def test_filters_reach_what_an_index_covers(c):
    """An approximate index does not cost hits of a filter."""
    c.ok("build_index", index_mode="HNSW-L2")
    data, q = vectors(), vectors(1, seed=8)[0]
    distances = ((data.astype(float) - q) ** 2).sum(1)
    for where, test in [("n < 12", lambda i: i < 12), ("group = 'c'", lambda i: i % 3 == 2)]:
        rows = [i for i in range(ROWS) if i not in GONE and test(i)]
        best = sorted(rows, key=lambda i: distances[i])[:10]
        items = c.ok("search", vector=q.tolist(), where=where, recall_target=1)["items"]
        assert len(items["ids"]) == 10 and items["ids"][0] == best[0]
        assert set(items["ids"]) <= set(rows)
        assert len(set(items["ids"]) & set(best)) >= 9


def test_approx_does_not_round_filtered_scores(c):
    q = vectors(1, seed=8)[0].tolist()
    exact = c.ok("search", vector=q, where="n > 5")["items"]
    assert c.ok("search", vector=q, where="n > 5", approx=True, eps=0.5)["items"] == exact
    rounded = c.ok("search", vector=q, approx=True, eps=0.5)["items"]["scores"]
    assert all(s * 2 == round(s * 2) for s in rounded)


def test_offset_and_threshold(c):
    q = vectors(1, seed=8)[0].tolist()
    items = c.ok("search", vector=q, k=30)["items"]
    assert c.ok("search", vector=q, k=10, offset=5)["items"]["ids"] == items["ids"][5:15]
    near = c.ok("search", vector=q, k=30, score_threshold=items["scores"][11] - 1e-4)["items"]
    assert near["ids"] == items["ids"][:12]


# ---- what LynseDB gets wrong (its bugs are numbered in docs/http-lynse.md) ----


@pytest.fixture
def small(make):
    c = make()
    rows = [
        {"a": 1, "b": 2, "c": 0},
        {"a": 1, "b": 9, "c": 3},
        {"a": 1, "b": 9, "c": 0},
        {"a": 0, "b": 2, "c": 3},
        {"x": 1, "y": 3},
        {"x": 2, "y": 3},
        {"x": 2, "y": 0},
        {"a": "x", "b": "z"},
        {"a": "y", "b": "w"},
        {"s": "it's", "d": "2025-06-01"},
        {"s": "it", "d": "2026-06-01"},
        {"num": 1},
        {"num": 1.0},
        {"num": "1"},
        {"tags": ["one two"]},
        {"tags": ["one"]},
        {"tags": ["x" * 100]},
    ]
    c.ok("add", ids=list(range(len(rows))), vectors=[[i, 1] for i in range(len(rows))], fields=rows)
    return c


@pytest.mark.parametrize(
    "where, rows",
    [
        # 5: the OR splitter, lists made one, quotes, ranges of texts, int and float
        ("a = 1 AND b = 2 OR c = 3", [0, 1, 3]),
        ("x = 1 OR x = 2 AND y = 3", [4, 5]),
        ("a IN ('x', 'y') AND b IN ('z')", [7]),
        ("s = 'it''s'", [9]),
        ("d >= '2026'", [10]),
        ("d < '2026'", [9]),
        ("num = 1", [11, 12]),
        ("num = 1.0", [11, 12]),
        ("num = '1'", [13]),
        # 6: CONTAINS beside a text with a blank, a long one, and anything around it
        ("tags CONTAINS 'one two'", [14]),
        ("tags CONTAINS 'one'", [15]),
        (f"tags CONTAINS '{'x' * 100}'", [16]),
        ("tags CONTAINS 'one' OR a = 0", [3, 15]),
        ("NOT tags CONTAINS 'one'", [14, 16]),
        ("(tags CONTAINS 'one')", [15]),
    ],
)
def test_wrong_answers_of_lynsedb(small, where, rows):
    assert small.ok("query", where=where, return_ids_only=True)["result"] == rows
    found = small.ok("search", vector=[0, 1], k=50, where=where)["items"]["ids"]
    assert sorted(found) == rows


def test_wrong_answers_about_rows(own_server, collection_on):
    """12: deleted rows, rows just added, names of fields, nulls after a restart."""
    server = own_server()
    c = collection_on(server)
    taken = {"id": "mine", "_id": 4, "external_id": "e", "n": 1}
    c.ok("add", ids=[7, 8], vectors=[[1, 0], [0, 1]], fields=[taken, {"n": 2}])
    c.ok("delete", ids=[8])
    assert c.ok("query", where="n = 2")["result"] == []
    assert c.ok("query", filter_ids=[8])["result"] == []
    assert c.ok("query_vectors", where="n > 0")["result"][1] == [7]
    c.ok("add", ids=[9], vectors=[[1, 1]], fields=[{"only": True}])
    assert sorted(c.ok("search_range", vector=[1, 1], threshold=0.5)["result"]["ids"]) == [7, 9]
    assert c.ok("query", where="only", return_ids_only=True)["result"] == [9]
    for restarted in (False, True):
        if restarted:
            c.ok("checkpoint")
            server.stop()
            server.start()
            c = collection_on(server)
        assert c.ok("read_by_only_id", id=[7, 9])["item"][2] == [taken, {"only": True}]
        assert c.ok("query", where="external_id = 'e' AND _id = 4")["result"] == [
            {**taken, "id": 7}
        ]
        assert c.ok("query", where="\"id\" = 'mine'", return_ids_only=True)["result"] == [7]
        assert c.ok("query", where="id = 7", return_ids_only=True)["result"] == [7]
        assert c.ok("query", where="only IS NULL", return_ids_only=True)["result"] == [7]


def test_rows_in_memory_are_not_without_index(make):
    """Too few for columns, they are looked at one by one: there is nothing to hint at."""
    c = make()
    fill(c)
    profile = c.ok("search_profile", vector=[1] * DIM, where="name LIKE '%7'")["profile"]
    assert profile["filter_rows"] == ROWS and profile["unindexed_field"] is None


def test_the_slow_query_log_names_the_field(own_server, collection_on):
    """A segment has columns for the first 1024 fields that come."""
    server = own_server("--slow-query-warn-ms", "1", "--seal-rows-min", "1")
    c = collection_on(server)
    many = [{f"k{i}_{j}": i for j in range(4)} for i in range(ROWS)]
    c.ok("add", ids=list(range(ROWS)), vectors=vectors().tolist(), fields=many)
    c.ok("checkpoint")
    profile = c.ok("search_profile", vector=[1] * DIM, where="k1_1 = 1")["profile"]
    assert profile["filter_matches"] == 1 and profile["unindexed_field"] is None
    profile = c.ok("search_profile", vector=[1] * DIM, where="k1_1 = 1 OR k599_3 = 599")["profile"]
    assert profile["filter_matches"] == 2 and profile["unindexed_field"] == "k599_3"
    queries = vectors(3000, seed=4).tolist()
    deadline = time.monotonic() + 20
    while True:
        c.ok("batch_search", vectors=queries, k=10, where="k599_3 IS NULL OR k599_3 >= 0")
        lines = [line for line in server.log_text().splitlines() if '"slow_query"' in line]
        slow = [json.loads(line) for line in lines if line.startswith("{")]
        if slow or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert slow and slow[-1]["path"] == "/batch_search", server.log_text()
    assert slow[-1]["unindexed_field"] == "k599_3"
