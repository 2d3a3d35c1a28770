"""Search by JSON against a plain evaluation in double precision."""

import numpy
import pytest

DIM, ROWS = 24, 400


def plain(metric, rows, q):
    rows, q = rows.astype(float), q.astype(float)
    if metric == "IP":
        return rows @ q
    if metric == "L2":
        return ((rows - q) ** 2).sum(1)
    if metric == "COS":
        return 1 - rows @ q / numpy.linalg.norm(rows, axis=1) / numpy.linalg.norm(q)
    if metric == "L1":
        return abs(rows - q).sum(1)
    if metric == "CHEBYSHEV":
        return abs(rows - q).max(1)
    if metric == "CANBERRA":
        return (abs(rows - q) / (abs(rows) + abs(q))).sum(1)
    if metric == "BRAY-CURTIS":
        return abs(rows - q).sum(1) / abs(rows + q).sum(1)
    if metric == "HAMMING":
        return ((rows > 0.5) != (q > 0.5)).sum(1)
    both, any_ = ((rows > 0.5) & (q > 0.5)).sum(1), ((rows > 0.5) | (q > 0.5)).sum(1)
    if metric == "JACCARD":
        return 1 - both / any_
    return 1 - 2 * both / ((rows > 0.5).sum(1) + (q > 0.5).sum())  # DICE


METRICS = [
    "IP",
    "L2",
    "COS",
    "L1",
    "CHEBYSHEV",
    "CANBERRA",
    "BRAY-CURTIS",
    "HAMMING",
    "JACCARD",
    "DICE",
]


@pytest.fixture
def data():
    return numpy.random.default_rng(1).random((ROWS, DIM)).astype(numpy.float32)


@pytest.fixture
def c(make, data):
    c = make()
    c.ok(
        "add",
        ids=[f"r{i}" for i in range(ROWS)],
        vectors=data.tolist(),
        fields=[{"n": i} for i in range(ROWS)],
    )
    return c


def best(metric, data, q, k):
    scores = plain(metric, data, q)
    order = numpy.argsort(-scores if metric == "IP" else scores, kind="stable")[:k]
    return scores[order]


@pytest.mark.parametrize("metric", METRICS)
def test_metrics(c, data, metric):
    c.ok("build_index", index_mode="FLAT-" + metric)
    c.ok("delete", ids=["r3", "r4"])
    live = numpy.delete(data, [3, 4], axis=0)
    queries = numpy.random.default_rng(2).random((3, DIM)).astype(numpy.float32)
    batch = c.ok("batch_search", vectors=queries.tolist(), k=20)["results"]
    for q, results in zip(queries, batch):
        items = c.ok("search", vector=q.tolist(), k=20)["items"]
        assert items["k"] == 20 and items["vector_field"] == "default" and items["fields"] == []
        numpy.testing.assert_allclose(
            items["scores"], best(metric, live, q, 20), rtol=2e-6, atol=2e-6
        )
        rows = [int(id[1:]) for id in items["ids"]]
        numpy.testing.assert_allclose(
            items["scores"], plain(metric, data[rows], q), rtol=2e-6, atol=2e-6
        )
        assert not {3, 4} & set(rows) and len(set(rows)) == 20
        assert results == {"ids": items["ids"], "scores": items["scores"], "fields": []}


def test_without_index_it_is_inner_product(c, data):
    items = c.ok("search", vector=data[0].tolist())["items"]
    assert len(items["ids"]) == 10 == items["k"]
    numpy.testing.assert_allclose(items["scores"], best("IP", data, data[0], 10), rtol=1e-6)


def test_k(c, data):
    q = data[0].tolist()
    assert c.ok("search", vector=q, k=0) == {
        **c.names,
        "items": {"k": 0, "ids": [], "scores": [], "fields": [], "vector_field": "default"},
    }
    items = c.ok("search", vector=q, k=1000)["items"]
    assert items["k"] == 1000 and len(items["ids"]) == ROWS
    assert c.ok("search", vector=q, k=None)["items"]["k"] == 10
    for bad in (-1, 1.5, "3", True, [1]):
        c.fails(400, "k must be", "search", vector=q, k=bad)


def test_fields(c, data):
    items = c.ok("search", vector=data[0].tolist(), k=3, return_fields=True)["items"]
    assert items["fields"] == [{"n": int(id[1:])} for id in items["ids"]]
    results = c.ok("batch_search", vectors=data[:2].tolist(), k=3, return_fields=True)["results"]
    assert results[0] == {key: items[key] for key in ("ids", "scores", "fields")}


def test_nulls(c, data):
    nulls = dict.fromkeys(
        ("vector_field", "k", "where", "return_fields", "nprobe", "approx", "eps")
    )
    q = data[0].tolist()
    assert c.ok("search", vector=q, **nulls) == c.ok("search", vector=q)
    assert c.ok("search", vector=q, nprobe=10, approx=False, eps=1e-4) == c.ok("search", vector=q)


@pytest.mark.parametrize(
    "route, body, text",
    [
        ("search", {"vector": [1, 2, 3]}, f"Dimension mismatch: expected {DIM}, got 3"),
        ("search", {"vector": []}, ""),
        ("search", {"vector": None}, "missing field `vector`"),
        ("search", {}, "missing field `vector`"),
        ("search", {"vector": "x"}, "vector"),
        ("search", {"vector": [[1] * DIM]}, "vector"),
        ("search", {"vector": [1] * (DIM - 1) + [None]}, f"vector[{DIM - 1}]"),
        ("search", {"vector": [1] * (DIM - 1) + [1e40]}, f"vector[{DIM - 1}]"),
        ("search", {"vector": [1] * DIM, "where": "n = "}, "where, column 5"),
        ("search", {"vector": [1] * DIM, "vector_field": "z"}, "vector field 'z' does not exist"),
        ("search", {"vector": [1] * DIM, "return_fields": 1}, "return_fields"),
        ("search", {"vector": [1] * DIM, "eps": "x"}, "eps"),
        ("batch_search", {"vectors": [[1] * DIM, [1]]}, "same dimension"),
        ("batch_search", {"vectors": [[1], [1]]}, "Dimension mismatch"),
        ("batch_search", {"vectors": [1, 2]}, "vectors"),
        ("batch_search", {}, "vectors"),
        ("batch_search", {"vectors": [[1] * DIM], "where": "x ="}, "where, column 4"),
        ("search_range", {"vector": [1] * DIM}, "threshold"),
        ("search_range", {"vector": [1] * DIM, "threshold": "1"}, "threshold"),
        ("search_range", {"vector": [1], "threshold": 1}, "Dimension mismatch"),
        ("search_range", {"vector": [1] * DIM, "threshold": 1, "max_results": -1}, "max_results"),
    ],
)
def test_refusals(c, route, body, text):
    assert c.fails(400, text, route, **body)["code"] == "invalid_argument"


def test_empty_batch(c):
    assert c.ok("batch_search", vectors=[]) == {**c.names, "results": []}


def test_search_of_an_empty_collection(make):
    c = make("empty", dim=2)
    assert c.ok("search", vector=[1, 2])["items"]["ids"] == []
    c.fails(400, "Dimension mismatch: expected 2, got 3", "search", vector=[1, 2, 3])
    assert c.ok("batch_search", vectors=[[1, 2]])["results"] == [
        {"ids": [], "scores": [], "fields": []}
    ]
    assert c.ok("search_range", vector=[1, 2], threshold=0)["result"] == {
        "ids": [],
        "distances": [],
    }


def test_a_field_named_vector_in_a_search_body(c, data):
    q = data[0].tolist()
    assert c.ok("search", extra={"vector": [1], "vectors": [[2]]}, vector=q) == c.ok(
        "search", vector=q
    )


@pytest.mark.parametrize("metric", ["IP", "L2"])
def test_range(c, data, metric):
    c.ok("build_index", index_mode="FLAT-" + metric)
    q, scores = data[0], plain(metric, data, data[0])
    threshold = float(numpy.median(scores))
    inside = (scores >= threshold) if metric == "IP" else (scores <= threshold)
    result = c.ok("search_range", vector=q.tolist(), threshold=threshold)["result"]
    near = abs(scores - threshold) < 1e-4
    ids = {int(id[1:]) for id in result["ids"]}
    assert ids - set(numpy.flatnonzero(near)) == set(numpy.flatnonzero(inside & ~near))
    assert result["distances"] == sorted(result["distances"], reverse=metric == "IP")
    few = c.ok("search_range", vector=q.tolist(), threshold=threshold, max_results=7)["result"]
    assert few == {key: value[:7] for key, value in result.items()}
    none = c.ok("search_range", vector=q.tolist(), threshold=threshold, max_results=0)["result"]
    assert none == {"ids": [], "distances": []}


def test_range_takes_the_score_that_was_shown(make):
    c = make()
    c.ok("add", ids=[1], vectors=[[0.1]])
    c.ok("build_index", index_mode="FLAT-L1")
    score = c.ok("search", vector=[0])["items"]["scores"][0]
    assert score == 0.1
    assert c.ok("search_range", vector=[0], threshold=0.1)["result"]["ids"] == [1]


@pytest.mark.parametrize("metric", METRICS)
def test_approx_rounds_where_it_should(c, data, metric):
    c.ok("build_index", index_mode="flat-" + metric.lower())
    q = data[1].tolist()
    exact = c.ok("search", vector=q)["items"]
    got = c.ok("search", vector=q, approx=True, eps=0.5)["items"]
    assert got["ids"] == exact["ids"]
    if metric in ("HAMMING", "JACCARD", "DICE"):
        assert got == exact
    else:
        assert got["scores"] == [
            float(numpy.float32(round(s / 0.5) * 0.5)) for s in exact["scores"]
        ]


def test_approx_eps(c, data):
    q = data[1].tolist()
    exact = c.ok("search", vector=q)["items"]["scores"]
    for eps in (0, -1, None, 1e-4):
        got = c.ok("search", vector=q, approx=True, eps=eps)["items"]["scores"]
        assert all(
            abs(g * 1e4 - round(g * 1e4)) < 2e-2 and abs(g - e) < 1e-4 for g, e in zip(got, exact)
        )
    tiny = c.ok("search", vector=q, approx=True, eps=1e-30)["items"]["scores"]
    numpy.testing.assert_allclose(tiny, exact, atol=1e-6)
    assert c.ok("search", vector=q, approx=False, eps=0.5)["items"]["scores"] == exact


def test_ids_of_every_kind(make):
    c = make()
    ids = [2**64 - 1, 'é"', 0, "0"]
    c.ok("add", ids=ids, vectors=[[4], [3], [2], [1]])
    assert c.ok("search", vector=[1])["items"]["ids"] == ids


def test_a_distance_that_cannot_be_computed_comes_last(make):
    c = make()
    c.ok("add", ids=[1, 2], vectors=[[0, 91], [0, 1]])
    c.ok("build_index", index_mode="FLAT-HAVERSINE")
    items = c.ok("search", vector=[0, 0])["items"]
    assert items["ids"] == [2, 1] and abs(items["scores"][0] - 111195) < 1
    assert items["scores"][1] is None
