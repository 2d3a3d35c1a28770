"""Search by words, several searches fused, and what a search tells about itself."""

import numpy
import pytest

import bm25
from filters import DIM, ROWS, fields, fill, vectors
from test_vector_fields import as_json, dot, sparse_rows

ROWS_LIVE = {i: fields(i) for i in range(ROWS)}
WORDS = bm25.scores(ROWS_LIVE, "river glass")


@pytest.fixture
def c(make):
    c = make()
    fill(c)
    return c


def best(scores, n):
    return bm25.ranked(scores, n)


def same(items, scores, n):
    """The hits have the scores they should, and none that should be there is missing."""
    ids = items["ids"]
    assert len(ids) == min(n, len(scores)) == len(set(ids))
    numpy.testing.assert_allclose(items["scores"], [scores[i] for i in ids], rtol=1e-5)
    expected = sorted(scores.values(), reverse=True)[:n]
    numpy.testing.assert_allclose(items["scores"], expected, rtol=1e-5)


@pytest.mark.parametrize("route", ["bm25_search", "text_search"])
@pytest.mark.parametrize(
    "text", ["river", "River, STONE!", "river river glass", "row 17", "nosuchword", "", "2 + 2"]
)
def test_text(c, route, text):
    items = c.ok(route, text=text, k=25, return_fields=True)["items"]
    assert items["index"] == "BM25-INVERTED" and items["k"] == 25
    same(items, bm25.scores(ROWS_LIVE, text), 25)
    assert items["fields"] == [fields(i) for i in items["ids"]]


def test_text_options(c):
    for body, options in [
        ({"text_fields": ["text"]}, {"paths": ["text"]}),
        ({"text_fields": ["name", "text"]}, {"paths": ["name", "text"]}),
        ({"text_fields": []}, {}),
        ({"text_fields": None}, {}),
        ({"k1": 2.0, "b": 0.1}, {"k1": 2.0, "b": 0.1}),
    ]:
        items = c.ok("bm25_search", text="river row", k=40, **body)["items"]
        same(items, bm25.scores(ROWS_LIVE, "river row", **options), 40)
    assert c.ok("bm25_search", text="river", text_fields=["nosuch"])["items"]["ids"] == []
    assert c.ok("bm25_search", text="river", k=0)["items"]["ids"] == []


def test_text_with_a_filter_counts_all_rows(c):
    """A filter chooses rows; it does not change what a word is worth."""
    scores = bm25.scores(ROWS_LIVE, "river glass")
    some = {i: s for i, s in scores.items() if fields(i)["group"] == "b"}
    items = c.ok("bm25_search", text="river glass", k=30, where="group = 'b'")["items"]
    same(items, some, 30)


def test_text_follows_writes(c):
    def ids(text):
        return c.ok("bm25_search", text=text, k=1000)["items"]["ids"]

    assert ids("xylophone") == []
    c.ok("upsert", ids=[3], vectors=[[1] * DIM], fields=[{"deep": {"list": ["a Xylophone"]}}])
    assert ids("xylophone") == [3]
    c.ok("delete", ids=[3])
    assert ids("xylophone") == []
    c.ok("restore", ids=[3])
    assert ids("xylophone") == [3]
    c.ok("upsert", ids=[3], vectors=[[1] * DIM], fields=[{}])
    assert ids("xylophone") == [] and 3 not in ids("row")


@pytest.mark.parametrize(
    "body, text",
    [
        ({}, "missing field `text`"),
        ({"text": 5}, "text must be a string"),
        ({"text": "a", "text_fields": "title"}, "text_fields must be an array"),
        ({"text": "a", "text_fields": [1]}, "text_fields[0] must be a string"),
        ({"text": "a", "k": -1}, "k must be"),
        ({"text": "a", "k": 10001}, "k 10001 exceeds server max_top_k 10000"),
        ({"text": "a", "b": 2}, "b from 0 to 1"),
        ({"text": "a", "k1": -1}, "k1 must be"),
    ],
)
def test_text_refusals(c, body, text):
    assert c.fails(400, text, "bm25_search", **body)["code"] == "invalid_argument"


def test_stems_and_accents(make):
    c = make("stems", text_language="english", text_stem=True, text_fold_accents=True)
    texts = [{"t": "The runner was running"}, {"t": "café"}]
    c.ok("add", ids=[1, 2], vectors=[[1], [2]], fields=texts)
    assert c.ok("bm25_search", text="run")["items"]["ids"] == [1]
    assert c.ok("bm25_search", text="Cafe")["items"]["ids"] == [2]
    body = {"database_name": c.database, "collection_name": "other", "text_stem": True}
    status, answer = c.client.post("/required_collection", {**body, "text_language": "klingon"})
    assert status == 400 and "klingon" in answer["error"]


# ---- hybrid ----


@pytest.fixture
def legs(c):
    """The two legs of a hybrid search, by their definitions."""
    q = vectors(1, seed=21)[0]
    dense = dict(enumerate((vectors().astype(float) @ q.astype(float)).tolist()))
    return q, dense, bm25.scores(ROWS_LIVE, "river glass")


def top(leg, n):
    return {i: leg[i] for i in best(leg, n)}


def test_hybrid_rrf(c, legs):
    q, dense, words = legs
    asked = {"vector": q.tolist(), "text": "river glass", "k": 10}
    for how, weights, k, limit in [
        ({}, (1, 1), 60, 40),
        ({"vector_weight": 2, "text_weight": 0.5, "rrf_k": 10}, (2, 0.5), 10, 40),
        ({"candidate_limit": 100, "fusion": "anything"}, (1, 1), 60, 100),
        ({"candidate_limit": 1}, (1, 1), 60, 10),
        ({"rrf_k": -5}, (1, 1), 1, 40),
    ]:
        items = c.ok("hybrid_search", **asked, **how)["items"]
        assert items["index"] == "HYBRID-RRF" and items["fusion"] == how.get("fusion", "rrf")
        lists = [(w, best(leg, limit)) for w, leg in zip(weights, (dense, words))]
        same(items, bm25.rrf(lists, k), 10)
    only = c.ok("hybrid_search", **asked, text_weight=-1)["items"]["ids"]
    assert only == best(dense, 10)


@pytest.mark.parametrize("fusion, label", [("weighted", "WEIGHTED"), ("DBSF", "DBSF")])
def test_hybrid_of_scores(c, legs, fusion, label):
    q, dense, words = legs
    fuse = bm25.weighted if label == "WEIGHTED" else bm25.dbsf
    asked = {"vector": q.tolist(), "text": "river glass", "k": 10, "fusion": fusion}
    items = c.ok("hybrid_search", **asked, vector_weight=3)["items"]
    assert items["index"] == "HYBRID-" + label and items["fusion"] == fusion
    same(items, fuse([(3, top(dense, 40), True), (1, top(words, 40), True)]), 10)


def test_hybrid_with_distances(c, legs):
    q, _, words = legs
    c.ok("build_index", index_mode="FLAT-L2")
    near = dict(enumerate((-((vectors().astype(float) - q) ** 2).sum(1)).tolist()))
    distances = {i: -s for i, s in top(near, 40).items()}
    asked = {"vector": q.tolist(), "text": "river glass", "fusion": "Weighted"}
    items = c.ok("hybrid_search", **asked)["items"]
    same(items, bm25.weighted([(1, distances, False), (1, top(words, 40), True)]), 10)


def test_hybrid_of_one_leg_has_the_scores_of_a_fusion(c, legs):
    q, dense, words = legs
    items = c.ok("hybrid_search", text="river glass", vector=None)["items"]
    same(items, bm25.rrf([(1, best(words, 40))]), 10)
    items = c.ok("hybrid_search", vector=q.tolist(), text="  ")["items"]
    assert items["ids"] == best(dense, 10)
    numpy.testing.assert_allclose(items["scores"], [1 / (61 + i) for i in range(10)], rtol=1e-6)


def test_hybrid_filter_and_sparse(c, legs):
    q, dense, words = legs
    rows = sparse_rows(ROWS)
    c.ok("add_sparse_vectors", ids=list(range(ROWS)), vectors=[as_json(r) for r in rows])
    query = sparse_rows(1, seed=13)[0]
    sparse = {i: dot(query, r) for i, r in enumerate(rows) if dot(query, r) != 0}

    def kept(leg):
        return {i: s for i, s in leg.items() if fields(i)["even"]}

    items = c.ok(
        "hybrid_search",
        vector=q.tolist(),
        text="river glass",
        sparse_vector=as_json(query),
        sparse_weight=2,
        where="even",
        return_fields=True,
    )["items"]
    lists = [(1, best(kept(dense), 40)), (2, best(kept(sparse), 40)), (1, best(kept(words), 40))]
    same(items, bm25.rrf(lists), 10)
    assert items["fields"] == [fields(i) for i in items["ids"]]


def test_hybrid_legs(c, legs):
    q, dense, words = legs
    items = c.ok(
        "hybrid_search",
        legs=[
            {"vector": q.tolist(), "limit": 20, "where": "group = :g", "where_params": {"g": "a"}},
            {"text": "river glass", "text_fields": ["text"], "limit": 30, "weight": 2},
        ],
        k=15,
    )["items"]
    some = {i: s for i, s in dense.items() if fields(i)["group"] == "a"}
    in_text = bm25.scores(ROWS_LIVE, "river glass", paths=["text"])
    same(items, bm25.rrf([(1, best(some, 20)), (2, best(in_text, 30))]), 15)

    one = c.ok("hybrid_search", legs=[{"vector": q.tolist()}], k=5)["items"]
    assert one["ids"] == best(dense, 5)
    numpy.testing.assert_allclose(one["scores"], [dense[i] for i in one["ids"]], rtol=1e-5)

    two = [{"vector": q.tolist(), "limit": 9}, {"text": "river", "limit": 9}]
    inner = {"legs": two, "limit": 9}
    items = c.ok("hybrid_search", legs=[inner, {"text": "glass", "limit": 9}], k=9)["items"]
    fused = bm25.rrf(
        [(1, best(dense, 9)), (1, best(bm25.scores(ROWS_LIVE, "river"), 9))],
    )
    glass = best(bm25.scores(ROWS_LIVE, "glass"), 9)
    same(items, bm25.rrf([(1, best(fused, 9)), (1, glass)]), 9)


def test_other_legs(c, legs):
    q, dense, words = legs
    data = vectors().astype(float)

    def ids(k=10, **leg):
        return c.ok("hybrid_search", legs=[leg], k=k)["items"]["ids"]

    like = dict(enumerate((data @ data[17]).tolist()))
    del like[17]
    assert ids(like=17) == best(like, 10)
    by_price = sorted(ROWS_LIVE, key=lambda i: -fields(i)["price"])
    assert ids(order_by="price", descending=True) == by_price[:10]
    sample = ids(sample=7)
    assert len(set(sample)) == 10 and ids(sample=7) == sample != ids(sample=8)
    assert ids(vector=q.tolist(), prefetch=[{"text": "river glass", "limit": 20}]) == [
        i for i in best(dense, ROWS) if i in best(words, 20)
    ][:10]
    limit = dense[best(dense, 4)[3]]
    assert ids(vector=q.tolist(), score_threshold=limit - 1e-5) == best(dense, 4)
    average = data[[3, 4]].mean(0)
    wanted = 2 * average - data[9]
    near = {i: s for i, s in enumerate((data @ wanted).tolist()) if i not in (3, 4, 9)}
    got = ids(recommend={"positive": [3, 4], "negative": [9]})
    assert got == best(near, 10)
    assert len(ids(recommend={"positive": [3], "strategy": "best_score"})) == 10
    pair = [{"positive": 3, "negative": 9}]
    assert len(ids(discover={"target": q.tolist(), "context": pair})) == 10
    assert len(ids(context=pair)) == 10
    first = ids(vector=q.tolist(), mmr={"diversity": 0.5, "candidates": 40})
    assert first[0] == best(dense, 1)[0] and set(first) <= set(best(dense, 40))


def test_groups_and_pages(c, legs):
    q, dense, words = legs
    asked = {"vector": q.tolist(), "text": "river glass"}
    items = c.ok("hybrid_search", k=2, group_by="group", group_size=2, **asked)["items"]
    assert len(items["groups"]) == len(items["ids"]) == 4
    assert [fields(i)["group"] for i in items["ids"]] == items["groups"]
    assert items["groups"][0] == items["groups"][1] != items["groups"][2] == items["groups"][3]
    fused = bm25.rrf([(1, best(dense, 100)), (1, best(words, 100))])
    page = c.ok("hybrid_search", k=5, offset=5, candidate_limit=100, **asked)["items"]
    numpy.testing.assert_allclose(
        page["scores"], sorted(fused.values(), reverse=True)[5:10], rtol=1e-5
    )


@pytest.mark.parametrize(
    "body, text",
    [
        ({}, "needs a vector"),
        ({"text": " \t"}, "needs a vector"),
        ({"vector": None, "text": None}, "needs a vector"),
        ({"vector": [1, 2]}, "Dimension mismatch"),
        ({"vector": "x"}, "vector"),
        ({"text": "a", "k": 10001}, "max_top_k"),
        ({"text": "a", "candidate_limit": 10001}, "candidate_limit 10001 exceeds server max_top_k"),
        ({"text": "a", "rrf_k": "x"}, "rrf_k"),
        ({"text": "a", "sparse_vector": 5}, "sparse vector is an object"),
        ({"text": "a", "legs": [{"text": "b"}]}, "give legs, or"),
        ({"legs": []}, "legs must be an array"),
        ({"legs": [5]}, "legs[0]: "),
        ({"legs": [{}]}, "a leg has one of"),
        ({"legs": [{"text": "b"}] * 65}, "more than 64 legs"),
        ({"legs": [{"text": "b", "where": "n ="}]}, "legs[0]: "),
        ({"legs": [{"text": "b", "limit": 10001}]}, "limit 10001 exceeds server max_top_k"),
        ({"legs": [{"vector": [1, "x"]}]}, "vector[1] is not a number"),
        ({"legs": [{"vector": [[1], [1, 2]]}]}, "same dimension"),
        ({"legs": [{"vector": [1], "vector_field": "w"}]}, "w"),
        ({"legs": [{"like": 4000}]}, "does not exist"),
        ({"legs": [{"recommend": {"positive": [[1, 2]]}}]}, "Dimension mismatch"),
        ({"legs": [{"recommend": {"positive": [1], "strategy": "x"}}]}, "strategy is"),
        ({"legs": [{"discover": {"context": 5}}]}, "example"),
        ({"legs": [{"context": 5}]}, "context must be an array"),
        ({"legs": [{"vector": [1] * DIM, "mmr": {"diversity": 2}}]}, "diversity"),
    ],
)
def test_hybrid_refusals(c, body, text):
    assert c.fails(400, text, "hybrid_search", **body)["code"] == "invalid_argument"


def test_legs_do_not_nest_without_end(c):
    leg = {"text": "river"}
    for _ in range(20):
        leg = {"legs": [leg]}
    c.fails(400, "nest deeper", "hybrid_search", legs=[leg])


# ---- profile ----


def test_profile(c):
    q = vectors(1, seed=21)[0]
    plain = c.ok("search", vector=q.tolist(), k=7)["items"]
    answer = c.ok("search_profile", vector=q.tolist(), k=7, return_fields=True)
    items, profile = answer["items"], answer["profile"]
    assert items["ids"] == plain["ids"] and items["scores"] == plain["scores"]
    assert items["k"] == 7 and items["index"] == "FLAT-IP"
    assert items["fields"] == [fields(i) for i in items["ids"]]
    assert profile["query_kind"] == "vector" and profile["vector_field"] == "default"
    assert profile["index_path"] == "flat_mmap" and profile["total_vectors"] == ROWS
    assert profile["filter_expression"] is None and profile["filter_matches"] is None
    assert profile["scanned_vectors"] == ROWS and profile["result_count"] == 7
    assert profile["rerank_us"] == 0
    assert profile["total_us"] >= profile["search_us"] >= 0 and profile["filter_us"] >= 0
    assert profile["explain"]


@pytest.fixture
def sealed(own_server, collection_on):
    """The same rows in a segment, with its columns and its text index."""
    c = collection_on(own_server("--seal-rows-min", "1"))
    fill(c)
    c.ok("checkpoint")
    return c


def test_profile_of_a_filter(sealed):
    c, q = sealed, vectors(1, seed=21)[0].tolist()
    profile = c.ok("search_profile", vector=q, where="n < 25")["profile"]
    assert profile["index_path"] == "flat_mmap_filtered" and profile["filter_matches"] == 25
    assert profile["filter_expression"] == "n < 25" and profile["scanned_vectors"] == 25
    assert profile["unindexed_field"] is None and profile["filter_rows"] == 0
    assert profile["explain"]


def test_explain_of_other_searches(sealed):
    c, q = sealed, vectors(1, seed=21)[0].tolist()
    profile = c.ok("bm25_search", text="river", where="even", explain=True)["profile"]
    assert profile["query_kind"] == "text" and profile["text_postings"] > 0
    assert profile["filter_matches"] == ROWS / 2
    profile = c.ok("hybrid_search", text="river", vector=q, explain=True)["profile"]
    assert profile["query_kind"] == "hybrid" and len(profile["explain"]) >= 2
    assert "profile" not in c.ok("bm25_search", text="river")


def test_words_in_a_segment_score_as_in_memory(sealed):
    same(sealed.ok("bm25_search", text="river glass", k=25)["items"], WORDS, 25)


def test_profile_refusals(c):
    q = [1] * DIM
    c.fails(400, "missing field `vector`", "search_profile")
    c.fails(400, "Dimension mismatch", "search_profile", vector=[1])
    c.fails(400, "max_top_k", "search_profile", vector=q, k=10001)
    c.fails(400, "field 'w' does not exist", "search_profile", vector=q, vector_field="w")


def test_recall(c):
    params = c.ok("recall", k=5, samples=20)
    assert params["recall"] == 1 and params["recall_min"] == 1 and params["samples"] == 20
    assert params["exact_us"] > 0 and params["k"] == 5
    c.ok("build_index", index_mode="HNSW-L2")
    assert c.ok("recall", samples=30)["recall"] >= 0.9
    for bad in [{"k": 0}, {"samples": 0}, {"recall_target": 2}, {"k": 10001}, {"k": "x"}]:
        c.fails(400, "", "recall", **bad)
    c.fails(400, "nosuch", "recall", vector_field="nosuch")
