"""Details of the query routes that a look at each of them, by hand, found wrong once."""

import numpy
import pytest

from data import clustered, recall
from filters import DIM, fill, vectors
from test_vector_fields import as_json, sparse_rows

ROWS = 200
QUERY = vectors(1, seed=9)[0].tolist()


@pytest.fixture
def c(make):
    c = make()
    fill(c, ROWS)
    return c


def hits(params):
    found = params.get("items") or params["result"]
    return found["ids"], found.get("scores") or found["distances"]


class TestAShownScorePassesAsThreshold:
    """Scores are shown as float32, and are compared with more digits than that."""

    @staticmethod
    def each(c, route, body, with_threshold):
        ids, scores = hits(c.ok(route, k=ROWS, **body))
        assert len(ids) > 40
        for id, score in list(zip(ids, scores))[::3]:
            found, passed = hits(c.ok(route, k=ROWS, **with_threshold(body, score)))
            assert id in found and found == ids[: len(found)]
            assert passed == scores[: len(found)] and passed[-1] == score

    @pytest.mark.parametrize("mode", ["FLAT-IP", "FLAT-L2", "FLAT-COS"])
    def test_of_vectors(self, c, mode):
        c.ok("build_index", index_mode=mode)
        body = {"vector": QUERY}
        self.each(c, "search", body, lambda b, t: {**b, "score_threshold": t})
        far = -1e30 if mode == "FLAT-IP" else 1e30
        self.each(c, "search_range", {**body, "threshold": far},
                  lambda b, t: {**b, "threshold": t})
        for leg in (body, {"like": 3}, {"recommend": {"positive": [1, 2]}}):
            self.each(c, "hybrid_search", {"legs": [leg]},
                      lambda b, t: {"legs": [{**b["legs"][0], "score_threshold": t}]})

    def test_of_others(self, c):
        rows = [as_json(row) for row in sparse_rows(ROWS, universe=20)]
        c.ok("add_sparse_vectors", ids=list(range(ROWS)), vectors=rows)
        text, sparse = {"text": "river glass"}, {"sparse_vector": rows[0]}
        self.each(c, "bm25_search", text, lambda b, t: {**b, "score_threshold": t})
        self.each(c, "sparse_search", {"vector": rows[0]},
                  lambda b, t: {**b, "score_threshold": t})
        for leg in (text, sparse, {"legs": [text, {"vector": QUERY}]}):
            self.each(c, "hybrid_search", {"legs": [leg]},
                      lambda b, t: {"legs": [{**b["legs"][0], "score_threshold": t}]})


class TestTheIndexOfAField:
    def test_is_built_before_the_answer(self, make):
        data, queries = clustered(3000, DIM)
        c = make()
        ids = list(range(3000))
        for at in range(0, 3000, 1000):
            part = slice(at, at + 1000)
            c.ok("add", ids=ids[part], vectors=[[i] for i in ids[part]])
        c.ok("create_vector_field", field_name="v", dim=DIM, metric="l2")
        for at in range(0, 3000, 1000):
            part = slice(at, at + 1000)
            c.ok("add_named_vectors", field_name="v", ids=ids[part], vectors=data[part].tolist())
        c.ok("build_vector_field_index", field_name="v", index_mode="HNSW-L2")
        answers = []
        for q in queries:
            found = c.ok("search_profile", vector=q.tolist(), vector_field="v")
            answers.append(found["items"]["ids"])
            assert found["profile"]["index_path"] == "ann_index"
        assert recall("L2", data, queries, answers, 10) >= 0.93

    def test_keeps_the_metric_when_no_mode_is_named(self, c):
        c.ok("create_vector_field", field_name="v", dim=2, metric="l2", index_mode="HNSW-L2")
        c.ok("add_named_vectors", field_name="v", ids=[1, 2], vectors=[[1, 0], [9, 0]])
        built = c.ok("build_vector_field_index", field_name="v")
        assert built["index_mode"] == "FLAT-L2" and built["params"] is None
        field = c.ok("list_vector_fields")["fields"][1]
        assert field["metric"] == "l2" and field["index_mode"] == "FLAT-L2"
        assert hits(c.ok("search", vector=[1, 0], vector_field="v")) == ([1, 2], [0, 64])
        built = c.ok("build_vector_field_index", field_name="default")
        assert built["index_mode"] == "FLAT-IP", "as /build_index has it"

    def test_need_not_be_waited_for(self, c):
        c.ok("create_vector_field", field_name="v", dim=2)
        c.ok("build_vector_field_index", field_name="v", index_mode="HNSW-IP", wait=False)
        assert c.ok("list_vector_fields")["fields"][1]["index_mode"] == "HNSW-IP"
        c.fails(400, "wait must be", "build_vector_field_index", field_name="v", wait=1)


@pytest.mark.parametrize(
    "route, body",
    [
        ("add_named_vectors", {"vectors": [[1]], "ids": [1]}),
        ("update_named_vectors", {"vectors": [[1]], "ids": [1]}),
        ("get_named_vectors", {"ids": [1]}),
        ("delete_named_vectors", {"ids": [1]}),
        ("drop_vector_field", {}),
    ],
)
def test_the_primary_vector_is_no_named_field(c, route, body):
    c.fails(400, "'default' is the primary vector", route, field_name="default", **body)


def test_fields_of_other_kinds_say_where_to_ask(c):
    c.ok("create_vector_field", field_name="s", kind="sparse")
    c.ok("create_vector_field", field_name="m", kind="multi", dim=2)
    for route in ("search", "search_profile"):
        c.fails(400, "ask /sparse_search", route, vector=[1], vector_field="s")
    c.fails(400, "ask /search", "search_range", vector=[1], vector_field="m", threshold=0)
    assert c.ok("search_profile", vector=[[1, 2]], vector_field="m")["items"]["ids"] == []


def test_an_empty_vector_in_hybrid_search(c):
    c.fails(400, "vector must not be empty", "hybrid_search", vector=[], text="river")
    c.fails(400, "Dimension mismatch", "search", vector=[])
    scores = c.ok("hybrid_search", vector=QUERY, text="river")["items"]["scores"]
    assert numpy.isfinite(scores).all()


def test_an_empty_filter_is_none_at_all(c):
    """Clients leave it out when there is none: one that came out empty does not mean all rows."""
    body = numpy.array(QUERY, "<f4").tobytes()
    for where in ("", "  "):
        status, _, text = c.raw("search_binary", body, dim=DIM, where=where)
        assert status == 400 and b"expected a condition" in text
        c.fails(400, "expected a condition", "search", vector=QUERY, where=where)
    assert c.raw("search_binary", body, dim=DIM)[0] == 200
    c.ok("search", vector=QUERY, where=None)
