"""Searches by kind in /metrics: how many there were, and how long they took."""

import re

import pytest

from filters import DIM, fill, vectors
from reranker import Reranker
from server import Collection
from test_vector_fields import as_json, sparse_rows

SAMPLE = re.compile(
    r'^varve_search_duration_seconds_(\w+)\{kind="(\w+)",filtered="(\w+)"(?:,le="(.+)")?\} (\S+)$'
)


def read(client):
    """{(kind, filtered): {"count": n, "sum": s, bound: n below it}}"""
    found = {}
    for line in client.request("GET", "/metrics")[2].decode().splitlines():
        match = SAMPLE.match(line)
        if match:
            part, kind, filtered, bound, value = match.groups()
            found.setdefault((kind, filtered), {})[bound or part] = float(value)
    return found


VECTOR = vectors(1)[0].tolist()
LEG = {"vector": VECTOR}
CASES = [
    ("search", {"vector": VECTOR}, "vector"),
    ("search_profile", {"vector": VECTOR}, "vector"),
    ("batch_search", {"vectors": [VECTOR] * 3}, "batch"),
    ("search_range", {"vector": VECTOR, "threshold": 0}, "range"),
    ("bm25_search", {"text": "river"}, "text"),
    ("text_search", {"text": "river"}, "text"),
    ("sparse_search", {"vector": as_json(sparse_rows(1)[0])}, "sparse"),
    ("hybrid_search", {"vector": VECTOR, "text": "river"}, "hybrid"),
    ("hybrid_search", {"legs": [LEG, LEG]}, "hybrid"),
    ("query", {}, "rows"),
    ("query_vectors", {}, "rows"),
    ("scroll", {}, "rows"),
    ("count", {}, "rows"),
    ("facets", {"field": "group"}, "facets"),
]


@pytest.fixture(scope="module")
def filled(shared):
    client = shared.client()
    client.post("/create_database", {"database_name": "metrics"})
    c = Collection(client, "metrics", "c")
    c.ok("required_collection", dim=DIM)
    fill(c, 200)
    rows = [as_json(row) for row in sparse_rows(200)]
    c.ok("add_sparse_vectors", ids=list(range(200)), vectors=rows)
    yield c
    client.close()


@pytest.mark.parametrize("filtered", ["false", "true"])
@pytest.mark.parametrize("route, body, kind", CASES)
def test_each_kind(filled, route, body, kind, filtered):
    if filtered == "true":
        body = {**body, "where": "n < 100"}
    filled.ok(route, **body)
    before = read(filled.client)
    filled.ok(route, **body)
    filled.fails(400, "where", route, **{**body, "where": "n <"})
    after = read(filled.client)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {(kind, filtered)}
    old, new = before[kind, filtered], after[kind, filtered]
    assert new["count"] == old["count"] + 1 and new["sum"] >= old["sum"]
    bounds = [b for b in new if b not in ("count", "sum")]
    assert bounds[0] == "0.0001" and bounds[-1] == "+Inf" and len(bounds) == 17
    numbers = [new[b] for b in bounds]
    assert numbers == sorted(numbers) and numbers[-1] == new["count"]


def test_a_filter_of_a_leg_counts(filled):
    before = read(filled.client)
    filled.ok("hybrid_search", legs=[LEG, {**LEG, "where": "n < 5"}])
    after = read(filled.client)
    assert {k for k in after if after[k] != before.get(k)} == {("hybrid", "true")}


def test_rerankers(own_server, collection_on, tmp_path):
    service = Reranker()
    (tmp_path / "varve.ini").write_text(f"[reranker x]\nurl = {service.url}\n")
    c = collection_on(own_server("--config", str(tmp_path / "varve.ini")))
    c.ok("add", ids=[1], vectors=[[1]], fields=[{"t": "a"}])
    assert read(c.client) == {}, "what never happened has no series"
    rerank = {"name": "x", "query": "q", "on_error": "skip"}
    c.ok("search", vector=[1], rerank=rerank)
    c.ok("search", vector=[1], rerank=rerank)
    service.answer = Reranker.saying("{}")
    c.ok("search", vector=[1], rerank=rerank)
    service.done()
    found = read(c.client)
    assert {key: of["count"] for key, of in found.items()} == {
        ("vector", "false"): 3, ("rerank", "false"): 2
    }
    text = c.client.request("GET", "/metrics")[2].decode()
    assert "\nvarve_rerank_failures_total 1\n" in text
