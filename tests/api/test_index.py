"""Index modes: which there are, how they are chosen and built, and what a search finds by them."""

import numpy
import pytest

from data import clustered, distances, recall
from server import Collection

ALIASES = [
    "FLAT-IP",
    "flat-l2",
    "FLAT-COS",
    "FLAT-COSINE",
    "FLAT-L1",
    "FLAT-MANHATTAN",
    "FLAT-CITYBLOCK",
    "FLAT-CORRELATION",
    "FLAT-PEARSON",
    "FLAT-HELLINGER",
    "FLAT-WASSERSTEIN",
    "FLAT-WASSERSTEIN-1D",
    "FLAT-WASSERSTEIN1D",
    "FLAT-EMD",
    "FLAT-JENSEN-SHANNON",
    "FLAT-JENSENSHANNON",
    "FLAT-JS",
    "FLAT-CHEBYSHEV",
    "FLAT-CHEBYCHEV",
    "FLAT-LINF",
    "FLAT-CANBERRA",
    "FLAT-BRAY-CURTIS",
    "FLAT-BRAYCURTIS",
    "FLAT-HAVERSINE",
    "FLAT-HAVERSINE-M",
    "FLAT-GEO",
    "FLAT-HAMMING",
    "FLAT-HAMMING-BINARY",
    "FLAT-JACCARD",
    "FLAT-JACCARD-BINARY",
    "FLAT-TANIMOTO",
    "FLAT-TANIMOTO-BINARY",
    "FLAT-DICE",
    "FLAT-SORENSEN",
    "FLAT-SORENSEN-DICE",
    "FLAT-DICE-BINARY",
]
BUILT = [
    "FLAT-IP-SQ8",
    "flat-l2-sq8",
    "FLAT-L2-PQ",
    "FLAT-IP-PQ16",
    "FLAT-COS-RABITQ",
    "FLAT-L2-POLARVEC",
    "FLAT-L2-POLARVEC8",
    "HNSW-IP",
    "hnsw-L2",
    "HNSW-COSINE",
    "HNSW-L2-SQ8",
    "HNSW-L1",
    "DISKANN-L2",
    "DISKANN-COS-SQ8",
    "DISKANN-IP-PQ8",
    "IVF-COS",
    "IVF-L2-SQ8",
    "IVF-HAMMING",
    "IVF-JACCARD-BINARY",
    "SPANN-IP",
]
WRONG = ["IVF-L1", "FLAT-L1-PQ", "HNSW-CANBERRA", "SPANN-HAVERSINE", "DISKANN-L1", "HNSW-HAMMING"]


@pytest.fixture
def c(make):
    c = make()
    c.ok("add", ids=[1, 2], vectors=[[1, 0], [3, 1]])
    return c


@pytest.mark.parametrize("mode", ALIASES)
def test_flat_modes(c, mode):
    assert c.ok("build_index", index_mode=mode) == {
        **c.names,
        "index_mode": mode,
        "n_clusters": None,
        "params": None,
    }
    assert c.ok("index_mode")["index_mode"] == mode, "as it was typed"
    assert c.ok("stats")["stats"]["index_mode"] == mode
    assert len(c.ok("search", vector=[1, 1])["items"]["ids"]) == 2


@pytest.mark.parametrize("mode", WRONG)
def test_wrong_combinations(c, mode):
    c.fails(400, "unsupported index/metric combination", "build_index", index_mode=mode)


@pytest.mark.parametrize("mode", ["HNSW", "IVF", "foo", "", "FLAT", "FLAT-", "IP", "FLAT-NOPE", 7])
def test_no_modes(c, mode):
    c.fails(400, "", "build_index", index_mode=mode)


def test_default_remove_and_empty(make):
    c = make("empty")
    assert c.ok("build_index", index_mode=None)["index_mode"] == "FLAT-IP"
    assert c.ok("remove_index") == c.names
    assert c.ok("remove_index") == c.names
    assert c.ok("index_mode")["index_mode"] is None


def test_haversine_needs_two_dimensions(make):
    c = make()
    c.ok("add", ids=[1], vectors=[[1, 2, 3]])
    c.fails(400, "requires dimension 2", "build_index", index_mode="FLAT-HAVERSINE")


def test_params(c):
    params = {"m": 4, "ef_search": None, "alpha": 1.5, "n_centroids": 3}
    assert c.ok("build_index", n_clusters=5, params=params) == {
        **c.names,
        "index_mode": "FLAT-IP",
        "n_clusters": 5,
        "params": params,
    }
    chosen = c.ok("stats", details=True)["stats"]["index_params"]
    assert chosen == {"m": 4, "alpha": 1.5, "n_clusters": 3}, "those within params count"
    c.ok("build_index", n_clusters=5, params={"n_clusters": 7, "n_centroids": 6})
    assert c.ok("stats", details=True)["stats"]["index_params"] == {"n_clusters": 7}
    c.ok("build_index", n_clusters=5)
    assert c.ok("stats", details=True)["stats"]["index_params"] == {"n_clusters": 5}


@pytest.mark.parametrize(
    "params, text",
    [
        ({"zz": 1}, "unknown index build parameter 'zz'"),
        ({"zz": None}, "unknown index build parameter 'zz'"),
        ({"m": 0}, "m must be"),
        ({"m": 1.5}, "m must be"),
        ({"m": True}, "m must be"),
        ({"m": "8"}, "m must be"),
        ({"m": 2**32}, "m must be"),
        ({"m": 2**64}, ""),
        ({"m": 10**6}, "m "),
        ({"ef_construction": 0}, "ef_construction must be"),
        ({"ef_search": -5}, "ef_search must be"),
        ({"n_centroids": 0}, "n_centroids must be"),
        ({"nprobe": -1}, "nprobe must be"),
        ({"replica_count": 0}, "replica_count must be"),
        ({"max_degree": 0.5}, "max_degree must be"),
        ({"alpha": 0.5}, "alpha must be"),
        ({"alpha": "1"}, "alpha must be"),
        ({"alpha": -1}, "alpha must be"),
        ([1], "JSON object"),
        ("x", "JSON object"),
    ],
)
def test_wrong_params(c, params, text):
    answer = c.fails(400, text, "build_index", index_mode="HNSW-L2", params=params)
    assert answer["code"] == "invalid_argument"
    assert c.ok("index_mode")["index_mode"] is None


@pytest.mark.parametrize("n", [0, -1, 1.5, "x", 2**32])
def test_wrong_clusters(c, n):
    c.fails(400, "n_clusters", "build_index", n_clusters=n)


def test_wait_must_be_a_switch(c):
    c.fails(400, "wait must be true or false", "build_index", wait="no")


@pytest.mark.parametrize("mode", ["HNSW-L2", "ivf-ip", "DISKANN-COS", "SPANN-L2"])
def test_nothing_to_build_of(make, mode):
    c = make("empty", dim=4)
    answer = c.fails(400, "Empty database", "build_index", index_mode=mode)
    assert answer["code"] == "empty_database"
    assert c.ok("index_mode")["index_mode"] is None
    # Choosing ahead of the rows is another matter, for those who say so.
    assert c.ok("build_index", index_mode=mode, wait=False)["index_mode"] == mode
    assert c.ok("index_mode")["index_mode"] == mode


@pytest.mark.parametrize("mode", ["HNSW", "IVF", "DISKANN", "SPANN", "HNSW-", "IVF-NOPE"])
def test_bare_families(c, mode):
    assert c.fails(400, "", "build_index", index_mode=mode)["code"] == "invalid_argument"


def test_mode_at_creation(make):
    c = make("chosen", dim=4, index_mode="hnsw-L2")
    assert c.ok("index_mode")["index_mode"] == "hnsw-L2"
    c.ok("required_collection", index_mode="HNSW-l2")
    c.fails(400, "does not match requested index mode IVF-L2", "required_collection",
            index_mode="IVF-L2")
    c.ok("required_collection")
    c.fails(400, "unsupported index/metric", "required_collection", drop_if_exists=True,
            index_mode="IVF-L1")


def test_mode_changes_the_search(c):
    assert c.ok("search", vector=[1, 0])["items"]["ids"] == [2, 1]
    c.ok("build_index", index_mode="FLAT-L2")
    assert c.ok("search", vector=[1, 0])["items"] == {
        "k": 10,
        "ids": [1, 2],
        "scores": [0, 5],
        "fields": [],
        "vector_field": "default",
    }
    c.ok("remove_index")
    assert c.ok("search", vector=[1, 0])["items"]["ids"] == [2, 1]


DIM, ROWS, K = 32, 3000, 10


@pytest.fixture(scope="module")
def many():
    return clustered(ROWS, DIM)


@pytest.fixture
def filled(make, many):
    c = make()
    c.raw_ok("bulk_add_binary", many[0].tobytes(), dim=DIM, n_vectors=ROWS)
    return c


def metric_of(mode):
    word = mode.upper().split("-")[1]
    return {"COSINE": "COS", "JACCARD": "JACCARD"}.get(word, word)


def answers(c, queries, **effort):
    results = c.ok("batch_search", vectors=queries.tolist(), k=K, **effort)["results"]
    return [r["ids"] for r in results]


@pytest.mark.parametrize("mode", BUILT)
def test_built_modes(filled, many, mode):
    c, (rows, queries) = filled, many
    assert c.ok("build_index", index_mode=mode)["index_mode"] == mode
    assert c.ok("index_mode")["index_mode"] == mode
    stats = c.ok("stats", details=True)["stats"]
    assert stats["rows_indexed"] == ROWS and stats["index_bytes"] > 0, stats
    assert stats["rows_in_memory"] == 0 and stats["segments"] >= 1
    if "JACCARD" in mode:
        return
    metric = metric_of(mode)
    assert recall(metric, rows, queries, answers(c, queries), K) >= 0.9
    assert recall(metric, rows, queries, answers(c, queries, exact=True), K) == 1
    # Scores are those of the stored vectors, not of codes.
    for query in queries[:5]:
        items = c.ok("search", vector=query.tolist(), k=K)["items"]
        expected = distances(metric, rows[items["ids"]], query)
        scores = numpy.array(items["scores"]) * (-1 if metric == "IP" else 1)
        numpy.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
        assert list(scores) == sorted(scores)


@pytest.fixture(scope="module")
def hard():
    """Without clusters to speak of, so that breadth is felt."""
    return clustered(ROWS, DIM, spread=2)


@pytest.fixture(scope="module")
def built(shared, hard):
    client = shared.client()
    client.post("/create_database", {"database_name": "effort"})
    c = Collection(client, "effort", "c")
    c.ok("required_collection", drop_if_exists=True)
    c.raw_ok("bulk_add_binary", hard[0].tobytes(), dim=DIM, n_vectors=ROWS)
    c.ok("build_index", index_mode="IVF-L2", params={"n_clusters": 100})
    yield c
    client.close()


class TestEffort:
    def recall(self, built, hard, **effort):
        return recall("L2", *hard, answers(built, hard[1], **effort), K)

    def test_breadth_changes_what_is_found(self, built, hard):
        narrow = self.recall(built, hard, nprobe=1)
        assert narrow < self.recall(built, hard, nprobe=100) == 1
        assert narrow == self.recall(built, hard, ef=1)
        assert self.recall(built, hard, exact=True, nprobe=1) == 1

    def test_the_default_of_clients_means_the_recall_target(self, built, hard):
        wanted = answers(built, hard[1])
        assert recall("L2", *hard, wanted, K) >= 0.9
        for effort in ({"nprobe": 10}, {"nprobe": 0}, {"nprobe": None}, {"recall_target": None}):
            assert answers(built, hard[1], **effort) == wanted
        binary = {"dim": DIM, "k": K, "n_queries": len(hard[1])}
        body = hard[1].tobytes()
        plain = built.raw("batch_search_binary", body, **binary)[2]
        assert built.raw("batch_search_binary", body, nprobe=10, **binary)[2] == plain
        assert built.raw("batch_search_binary", body, nprobe=1, **binary)[2] != plain
        narrow = built.raw("batch_search_binary", body, ef=1, **binary)[2]
        assert built.raw("batch_search_binary", body, nprobe=1, **binary)[2] == narrow

    def test_recall_target(self, built, hard):
        low = self.recall(built, hard, recall_target=0.3)
        high = self.recall(built, hard, recall_target=1.0)
        assert low < high and high >= 0.97
        assert self.recall(built, hard, recall_target=1, nprobe=1) == high, "nprobe yields"
        q = hard[1][0]
        for how in ({"recall_target": 0.5}, {"exact": "true"}, {"ef": 3}):
            got = built.raw("search_binary", q.tobytes(), dim=DIM, k=K, **how)
            assert got[0] == 200

    @pytest.mark.parametrize("k", [1, 10, 500, ROWS, ROWS + 10])
    def test_k_hits_come_however_narrow(self, built, hard, k):
        ids = built.ok("search", vector=hard[1][0].tolist(), k=k, nprobe=1)["items"]["ids"]
        assert len(ids) == len(set(ids)) == min(k, ROWS)

    @pytest.mark.parametrize(
        "effort, text",
        [
            ({"ef": 0}, "ef 0 must be from 1 to 4294967295"),
            ({"ef": -1}, "ef must be a non-negative integer"),
            ({"ef": 2**32}, "ef 4294967296 must be from 1 to 4294967295"),
            ({"ef": 1.5}, "ef must be"),
            ({"nprobe": -1}, "nprobe must be a non-negative integer"),
            ({"nprobe": 2**32}, "nprobe 4294967296 must be from 0 to 4294967295"),
            ({"recall_target": 0}, "recall_target must be greater than 0 and at most 1"),
            ({"recall_target": 1.01}, "recall_target must be greater than 0 and at most 1"),
            ({"recall_target": -1}, "recall_target must be greater than 0 and at most 1"),
            ({"recall_target": "x"}, "recall_target must be a number"),
            ({"exact": 1}, "exact must be true or false"),
        ],
    )
    def test_refusals(self, built, hard, effort, text):
        q = hard[1][0]
        for route, vectors in [
            ("search", {"vector": q.tolist()}),
            ("batch_search", {"vectors": [q.tolist()]}),
        ]:
            answer = built.fails(400, text, route, **vectors, **effort)
            assert answer["code"] == "invalid_argument"
        for route, n in [("search_binary", {}), ("batch_search_binary", {"n_queries": 1})]:
            status, _, data = built.raw(route, q.tobytes(), dim=DIM, **n, **effort)
            assert status == 400 and text.split(" must")[0].split()[0] in data.decode()

    def test_not_a_number(self, built, hard):
        status, _, data = built.raw(
            "search_binary", hard[1][0].tobytes(), dim=DIM, recall_target="nan"
        )
        assert status == 400 and b"recall_target must be greater than 0" in data


def test_rows_that_come_later_are_found_at_once(filled, many):
    c, (rows, _) = filled, many
    c.ok("build_index", index_mode="HNSW-L2")
    late = rows[:5] + 100
    c.ok("add", ids=[f"late{i}" for i in range(5)], vectors=late.tolist())
    for i in range(5):
        items = c.ok("search", vector=late[i].tolist(), k=1)["items"]
        assert items["ids"] == [f"late{i}"] and items["scores"] == [0]
    c.ok("upsert", ids=[7], vectors=[(rows[7] - 100).tolist()])
    assert c.ok("search", vector=(rows[7] - 100).tolist(), k=1)["items"]["ids"] == [7]
    assert 7 not in c.ok("search", vector=rows[7].tolist(), k=1)["items"]["ids"]
    c.ok("delete", ids=["late0"])
    assert "late0" not in c.ok("search", vector=late[0].tolist(), k=5)["items"]["ids"]


def test_remove_and_build_another(filled, many):
    c, (rows, queries) = filled, many
    c.ok("build_index", index_mode="HNSW-L2")
    c.ok("remove_index")
    assert c.ok("index_mode")["index_mode"] is None
    assert recall("IP", rows, queries, answers(c, queries), K) == 1, "exact, by inner product"
    c.ok("build_index", index_mode="IVF-COS")
    assert c.ok("stats", details=True)["stats"]["rows_indexed"] == ROWS
    assert recall("COS", rows, queries, answers(c, queries), K) >= 0.9


def test_scores_of_codes_are_not_rounded(filled, many):
    c, q = filled, many[1][0].tolist()
    for mode, rounds in [("FLAT-L2", True), ("FLAT-L2-PQ", False), ("HNSW-L2", False)]:
        c.ok("build_index", index_mode=mode)
        scores = c.ok("search", vector=q, approx=True, eps=0.5)["items"]["scores"]
        assert all(s * 2 == round(s * 2) for s in scores) is rounds, mode
