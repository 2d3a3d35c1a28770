"""Search by words, by vectors and by both over real texts: BM25 against its definition wherever the
rows lie, and known-item queries, which both together answer better than either alone."""

import numpy
import pytest

import bm25
import packages
from ldbf1 import payload
from test_restart import reopen

ROWS = packages.rows()
VECTORS = packages.vectors()
TITLES = packages.judged("titles", ROWS)
PARAPHRASES = packages.judged("queries", ROWS)
TEXTS = [q[0] for q in TITLES[::25] + PARAPHRASES[::20]] + ["the a of", "Python python 3", "ü"]
LIMIT = 100  # hits of each leg


def add(c, first, end):
    ids = numpy.arange(first, end, dtype="<u8")
    body = VECTORS[first:end].tobytes() + ids.tobytes()
    body += payload([ROWS[i] for i in range(first, end)])
    c.raw_ok("add_records_binary", body, dim=packages.DIM, n_vectors=end - first)


def make(own_server, collection_on):
    server = own_server("--seal-rows-min", "1")
    return server, collection_on(server, dtypes="float16", dim=packages.DIM)


def segments(c):
    return c.ok("stats", details=True)["stats"]["segments"]


def check_words(c, ids):
    """Scores equal the definition, over all fields and over two; nothing is missed."""
    rows = {i: ROWS[i] for i in ids}
    for paths in None, ["summary", "tags"]:
        corpus = bm25.Corpus(rows, paths)
        body = {} if paths is None else {"text_fields": paths}
        for text in TEXTS:
            scores = corpus.scores(text)
            items = c.ok("bm25_search", text=text, k=30, **body)["items"]
            expected = sorted(scores.values(), reverse=True)[:30]
            assert len(set(items["ids"])) == len(items["ids"]) == len(expected)
            got = [scores[i] for i in items["ids"]]
            numpy.testing.assert_allclose(items["scores"], got, rtol=1e-5)
            numpy.testing.assert_allclose(items["scores"], expected, rtol=1e-5)


def test_words_wherever_the_rows_lie(own_server, collection_on):
    server, c = make(own_server, collection_on)
    add(c, 0, 1000)
    check_words(c, range(1000))  # in memory
    add(c, 1000, 3000)
    c.ok("checkpoint")
    add(c, 3000, 5500)
    c.ok("checkpoint")
    add(c, 5500, 5800)
    assert segments(c) == 2
    check_words(c, range(5800))  # in two segments and in memory
    gone = set(range(0, 5800, 7))
    c.ok("delete", ids=sorted(gone))
    left = [i for i in range(5800) if i not in gone]
    check_words(c, left)
    c = reopen(server, "kill")
    check_words(c, left)
    c.ok("compact")
    assert segments(c) == 1
    check_words(c, left)
    c = reopen(server, "stop")
    check_words(c, left)


# ---- the judged set ----


def ways(text, vector):
    """The same question to each leg alone, and to both."""
    both = {"text": text, "vector": vector.tolist(), "candidate_limit": LIMIT}
    yield "dense", "search", {"vector": vector.tolist()}
    yield "BM25", "bm25_search", {"text": text}
    for fusion in "rrf", "weighted", "dbsf":
        yield fusion, "hybrid_search", {**both, "fusion": fusion}


def reciprocal_rank(ids, expected):
    return 1 / (ids.index(expected) + 1) if expected in ids else 0


@pytest.fixture
def filled(own_server, collection_on):
    _, c = make(own_server, collection_on)
    add(c, 0, 4000)
    c.ok("checkpoint")
    add(c, 4000, len(ROWS))
    c.ok("checkpoint")
    return c


def test_both_find_known_items_better_than_either(filled):
    found = {}
    for text, vector, expected in TITLES + PARAPHRASES:
        for way, route, body in ways(text, vector):
            items = filled.ok(route, k=10, **body)["items"]
            found.setdefault(way, []).append(reciprocal_rank(items["ids"], expected))
    mrr = {way: round(float(numpy.mean(ranks)), 4) for way, ranks in found.items()}
    for fusion in "rrf", "weighted", "dbsf":
        assert mrr[fusion] > max(mrr["dense"], mrr["BM25"]), mrr
    # What an exact search over the vectors reaches; the dense leg misses nothing.
    near = numpy.array([q[1] for q in TITLES + PARAPHRASES]) @ VECTORS.T
    first = numpy.argsort(-near, kind="stable")[:, :10].tolist()
    exact = [reciprocal_rank(f, q[2]) for f, q in zip(first, TITLES + PARAPHRASES)]
    assert abs(mrr["dense"] - numpy.mean(exact)) < 1e-3
