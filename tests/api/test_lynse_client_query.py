"""LynseDB's own Python client: filters, words, sparse and named vectors, hybrid, profile; each with
success, against plain Python, and with error."""

import numpy
import pytest

import bm25
from filters import DIM, FILTERS, fields, vectors
from test_lynse_client import connect, server  # noqa: F401 (a fixture), skips without the client
from test_vector_fields import dot, sparse_rows

ROWS = 300
LIVE = {i: fields(i) for i in range(ROWS)}


@pytest.fixture
def c(server):  # noqa: F811
    c = connect(server).create_database("q").require_collection("c", dim=DIM)
    c.add(ids=[f"r{i}" for i in range(ROWS)], vectors=vectors(ROWS), fields=list(LIVE.values()))
    return c


def rows(ids):
    return [int(str(id)[1:]) for id in ids]


def nearest(data, live, q, k):
    scores = data.astype(float) @ q.astype(float)
    return sorted(live, key=lambda i: -scores[i])[:k]


# what LynseDB's own documents show of filters, and what its grammar takes
PLAIN = [f for f in FILTERS if f[1] is None and "id IN" not in f[0]]


@pytest.mark.parametrize("where, _, __, test", PLAIN, ids=[f[0] for f in PLAIN])
def test_filters(c, where, _, __, test):
    data, live, q = vectors(ROWS), [i for i in LIVE if test(LIVE[i])], vectors(1, seed=9)[0]
    found = c.search(q, k=20, where=where, return_fields=True)
    assert rows(found.ids) == nearest(data, live, q, 20)
    assert list(found.fields) == [LIVE[i] for i in rows(found.ids)]
    for result, q in zip(c.batch_search(vectors(2, seed=9), k=7, where=where), vectors(2, seed=9)):
        assert rows(result.ids) == nearest(data, live, q, 7)
    assert rows(c.query(where=where, return_ids_only=True).ids) == live
    assert [f["n"] for f in c.query(where=where).fields] == live
    assert rows(c.query_vectors(where=where).ids) == live


def test_filters_that_do_not_parse(c):
    q = vectors(1)[0]
    for call in (
        lambda: c.search(q, where="n ="),
        lambda: c.batch_search([q], where="n ="),
        lambda: c.query(where="n ="),
        lambda: c.query_vectors(where="n ="),
        lambda: c.search_profile(q, where="n ="),
        lambda: c.bm25_search("river", where="n ="),
        lambda: c.hybrid_search(q, "river", where="n ="),
        lambda: c.search_sparse({1: 1.0}, where="n ="),
    ):
        with pytest.raises(Exception, match="column 4"):
            call()


def test_filters_in_binary(server):  # noqa: F811
    """All rows have automatic ids: the client searches in binary."""
    c = connect(server).create_database("b").require_collection("c", dim=DIM)
    c.add(vectors=vectors(ROWS))
    queries = vectors(2, seed=9)
    q = queries[0]
    where = "id > 10 AND NOT id BETWEEN 50 AND 99"
    live = [i for i in LIVE if i > 10 and not 50 <= i <= 99]
    found = c.search(q, k=9, where=where)
    assert list(map(int, found.ids)) == nearest(vectors(ROWS), live, q, 9)
    for result, q in zip(c.batch_search(queries, k=9, where=where), queries):
        assert list(map(int, result.ids)) == nearest(vectors(ROWS), live, q, 9)
    with pytest.raises(Exception, match="column 4"):
        c.search(q, where="n =")


def test_words(c):
    found = c.bm25_search("river glass", k=20, return_fields=True)
    scores = bm25.scores(LIVE, "river glass")
    numpy.testing.assert_allclose(
        found.distances, [scores[i] for i in rows(found.ids)], rtol=1e-5
    )
    numpy.testing.assert_allclose(
        found.distances, sorted(scores.values(), reverse=True)[:20], rtol=1e-5
    )
    assert list(found.fields) == [LIVE[i] for i in rows(found.ids)]
    assert "BM25" in str(found.index_type)
    even = c.bm25_search("river", k=500, text_fields=["text"], where="even")
    assert set(rows(even.ids)) == {
        i for i in LIVE if i % 2 == 0 and "river" in bm25.tokens(LIVE[i]["text"])
    }
    with pytest.raises(Exception, match="max_top_k"):
        c.bm25_search("river", k=10001)


def test_hybrid(c):
    q = vectors(1, seed=9)[0]
    dense = nearest(vectors(ROWS), list(LIVE), q, 40)
    scores = bm25.scores(LIVE, "river glass")
    words = sorted(scores, key=lambda i: (-scores[i], f"r{i}"))[:40]  # ties go by id, a text here
    found = c.hybrid_search(q, "river glass", k=10)
    fused = bm25.rrf([(1, dense), (1, words)])
    numpy.testing.assert_allclose(
        found.distances, sorted(fused.values(), reverse=True)[:10], rtol=1e-5
    )
    numpy.testing.assert_allclose(found.distances, [fused[i] for i in rows(found.ids)], rtol=1e-5)
    weighted = c.hybrid_search(q, "river glass", fusion="weighted", vector_weight=2)
    assert len(weighted.ids) == 10 and "WEIGHTED" in str(weighted.index_type)
    only = c.hybrid_search(text="river", k=3, where="even", return_fields=True)
    assert all(f["even"] for f in only.fields) and len(only.ids) == 3
    with pytest.raises(Exception, match="needs a vector"):
        c.hybrid_search()


@pytest.mark.parametrize("where, live", [(None, list(LIVE)), ("even", list(LIVE)[::2])])
def test_hybrid_weighted(c, where, live):
    q, limit = vectors(1, seed=9)[0], 30
    products = vectors(ROWS).astype(float) @ q.astype(float)
    dense = {i: products[i] for i in nearest(vectors(ROWS), live, q, limit)}
    scores = {i: s for i, s in bm25.scores(LIVE, "river glass").items() if i in live}
    words = sorted(scores, key=lambda i: (-scores[i], f"r{i}"))[:limit]
    fused = bm25.weighted([(2, dense, True), (0.5, {i: scores[i] for i in words}, True)])
    found = c.hybrid_search(
        q, "river glass", k=20, where=where, fusion="weighted", vector_weight=2, text_weight=0.5,
        candidate_limit=limit, return_fields=True,
    )
    wanted = sorted(fused.values(), reverse=True)[:20]
    numpy.testing.assert_allclose(found.distances, wanted, rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(
        found.distances, [fused[i] for i in rows(found.ids)], rtol=1e-5, atol=1e-6
    )
    assert list(found.fields) == [LIVE[i] for i in rows(found.ids)]
    with pytest.raises(Exception, match="max_top_k"):
        c.hybrid_search(q, "river", candidate_limit=10001)


@pytest.mark.parametrize("mode", ["FLAT-IP", "FLAT-L2", "FLAT-COS"])
def test_search_and_range(c, mode):
    """Distances and similarities, from the nearest on, and all within a threshold."""
    c.build_index(mode)
    data, q = vectors(ROWS).astype(float), vectors(1, seed=9)[0].astype(float)
    scores = {
        "FLAT-IP": data @ q,
        "FLAT-L2": ((data - q) ** 2).sum(1),
        "FLAT-COS": 1 - data @ q / numpy.linalg.norm(data, axis=1) / numpy.linalg.norm(q),
    }[mode]
    order = numpy.argsort(-scores if mode == "FLAT-IP" else scores)
    found = c.search(q, k=25)
    assert rows(found.ids) == order[:25].tolist()
    numpy.testing.assert_allclose(found.distances, scores[order[:25]], rtol=1e-4, atol=1e-6)
    threshold = float(found.distances[14])
    within = c.search_range(q, threshold)
    assert rows(within.ids) == order[:15].tolist()
    numpy.testing.assert_array_equal(within.distances, found.distances[:15])
    assert rows(c.search_range(q, threshold, max_results=4).ids) == order[:4].tolist()
    assert len(c.search_range(q, threshold, max_results=0).ids) == 0
    for result, query in zip(c.batch_search(vectors(3, seed=9), k=5), vectors(3, seed=9)):
        assert list(result.ids) == list(c.search(query, k=5).ids)
    for wrong in (
        lambda: c.search([1.0]),
        lambda: c.batch_search([[1.0], [2.0]]),
        lambda: c.search_range([1.0], 0.5),
    ):
        with pytest.raises(Exception, match="Dimension mismatch"):
            wrong()
    with pytest.raises(Exception, match="max_top_k"):
        c.search_range(q, threshold, max_results=10001)


def test_rounded_scores(c):
    """approx: to multiples of eps, flat and unfiltered, for metrics where that is harmless."""
    q = vectors(1, seed=9)[0]
    plain = c.search(q, k=20)
    rounded = c.search(q, k=20, approx=True, eps=0.5)
    assert list(rounded.ids) == list(plain.ids)
    numpy.testing.assert_allclose(rounded.distances, numpy.round(plain.distances * 2) / 2)
    exact = c.search(q, k=20, where="even")
    approx = c.search(q, k=20, where="even", approx=True, eps=0.5)
    numpy.testing.assert_array_equal(exact.distances, approx.distances)
    c.build_index("FLAT-JACCARD-BINARY")
    exact = c.search(q, k=20)
    approx = c.search(q, k=20, approx=True, eps=0.5)
    numpy.testing.assert_array_equal(exact.distances, approx.distances)
    assert any(d * 2 != round(d * 2) for d in approx.distances)


def test_what_is_gone(server):  # noqa: F811
    """A collection that somebody else dropped: every call says so, and makes none."""
    db = connect(server).create_database("gone")
    c = db.require_collection("c", dim=DIM)
    c.add(ids=["a"], vectors=vectors(1), fields=[{"t": "x"}])
    connect(server).get_database("gone").drop_collection("c")
    q = vectors(1)[0]
    for call in (
        lambda: c.search(q),
        lambda: c.batch_search([q]),
        lambda: c.search_range(q, 0.5),
        lambda: c.search_profile(q),
        lambda: c.bm25_search("x"),
        lambda: c.hybrid_search(q, "x"),
        lambda: c.search_sparse({1: 1.0}),
        lambda: c.query(where="t = 'x'"),
        lambda: c.query_vectors(filter_ids=["a"]),
        lambda: c.list_fields(),
        lambda: c.list_vector_fields(),
        lambda: c.create_vector_field("v", dim=2),
        lambda: c.add_named_vectors("v", [[1.0, 2.0]], ids=["a"]),
        lambda: c.add_sparse_vectors([{1: 1.0}], ids=["a"]),
    ):
        with pytest.raises(Exception, match="Collection not found: c"):
            call()
    assert list(connect(server).get_database("gone").show_collections()) == []


def test_rows_by_id(c):
    found = c.query(filter_ids=["r7", "r3"])
    assert [f["n"] for f in found.fields] == [7, 3] and list(found.ids) == ["r7", "r3"]
    found = c.query_vectors(filter_ids=["r7", "r3"])
    numpy.testing.assert_array_equal(found.vectors, vectors(ROWS)[[7, 3]])
    for call in (c.query, c.query_vectors):
        assert len(call().ids) == 0, "without either the client does not ask"
        with pytest.raises(Exception, match="id 'r1000' does not exist"):
            call(filter_ids=["r1000"])


def test_sparse(c):
    data = sparse_rows(ROWS)
    c.add_sparse_vectors(data, ids=[f"r{i}" for i in range(ROWS)])
    query = sparse_rows(1, seed=14)[0]
    scores = {i: dot(query, row) for i, row in enumerate(data) if dot(query, row) != 0}
    found = c.search_sparse(query, k=15, return_fields=True)
    best = sorted(scores, key=lambda i: -scores[i])[:15]
    assert rows(found.ids) == best
    numpy.testing.assert_allclose(found.distances, [scores[i] for i in best], rtol=1e-5)
    some = c.search_sparse(query, k=15, where="group = 'b'")
    assert rows(some.ids) == sorted(
        (i for i in scores if LIVE[i]["group"] == "b"), key=lambda i: -scores[i]
    )[:15]
    with pytest.raises(Exception, match="does not exist"):
        c.add_sparse_vectors([{1: 1.0}], ids=["nosuch"])
    with pytest.raises(Exception, match="max_top_k"):
        c.search_sparse(query, k=10001)


def test_named_vectors(c):
    data = vectors(ROWS, 8, seed=6)
    c.create_vector_field("title", dim=8, metric="l2")
    c.add_named_vectors("title", data, ids=[f"r{i}" for i in range(ROWS)])
    assert [f["name"] for f in c.list_vector_fields()] == ["default", "title"]
    q = vectors(1, 8, seed=7)[0]
    distances = ((data.astype(float) - q) ** 2).sum(1)
    best = numpy.argsort(distances)
    found = c.search(q, k=10, vector_field="title")
    assert rows(found.ids) == best[:10].tolist()
    numpy.testing.assert_allclose(found.distances, distances[best[:10]], rtol=1e-5)
    some = c.search(q, k=10, vector_field="title", where="even")
    assert rows(some.ids) == [i for i in best if i % 2 == 0][:10]
    c.build_index("HNSW-L2", field_name="title")
    assert len(c.search(q, k=10, vector_field="title").ids) == 10
    assert c.list_vector_fields()[1]["index_mode"] == "HNSW-L2"
    c.remove_index(field_name="title")
    assert c.list_vector_fields()[1]["index_mode"] == "FLAT-L2"
    for wrong in (
        lambda: c.create_vector_field("title", dim=9),
        lambda: c.create_vector_field("default", dim=9),
        lambda: c.add_named_vectors("title", data[:1], ids=["r0"]),
        lambda: c.add_named_vectors("title", data[:1], ids=["nosuch"]),
        lambda: c.add_named_vectors("nosuch", data[:1], ids=["r0"]),
        lambda: c.search(q, vector_field="nosuch"),
        lambda: c.build_index("HNSW", field_name="title"),
        lambda: c.remove_index(field_name="nosuch"),
    ):
        with pytest.raises(Exception):
            wrong()


def test_profile(c):
    q = vectors(1, seed=9)[0]
    params = c.search_profile(q, k=5, where="n < 20")
    assert rows(params["items"]["ids"]) == nearest(vectors(ROWS), range(20), q, 5)
    profile = params["profile"]
    assert profile["filter_matches"] == 20 and profile["index_path"] == "flat_mmap_filtered"
    assert profile["total_vectors"] == ROWS and profile["result_count"] == 5
    plain = c.search_profile(q, k=5)
    assert rows(plain["items"]["ids"]) == nearest(vectors(ROWS), LIVE, q, 5)
    assert plain["profile"]["filter_matches"] is None
    assert plain["profile"]["scanned_vectors"] == ROWS
    assert {"filter_us", "search_us", "rerank_us", "total_us"} <= set(plain["profile"])
    numpy.testing.assert_allclose(plain["items"]["scores"], c.search(q, k=5).distances)
    with pytest.raises(Exception, match="Dimension mismatch"):
        c.search_profile([1.0])


def test_fields(c):
    assert sorted(c.list_fields()) == sorted(set().union(*LIVE.values()))
    with pytest.raises(Exception):
        c.query(where="nosuch ==== 1")
    assert len(c.query(where="nosuch = 1").ids) == 0


def test_rerank_in_the_client(c):
    """Fields come along for the callback, though the caller did not ask for them."""

    def reranker(payload):
        return {item["id"]: item["field"]["n"] for item in payload["items"]}

    found = c.bm25_search("river", k=5, reranker=reranker)
    assert rows(found.ids) == sorted(rows(found.ids), reverse=True) and list(found.fields) == []
