"""Index modes."""

import pytest

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
NOT_BUILT = [
    "FLAT-IP-SQ8",
    "FLAT-L2-PQ",
    "FLAT-IP-PQ16",
    "FLAT-COS-RABITQ",
    "FLAT-L2-POLARVEC4",
    "HNSW-IP",
    "HNSW-L2-SQ8",
    "HNSW-L1",
    "DISKANN-L2",
    "DISKANN-IP-PQ8",
    "IVF-COS",
    "IVF-HAMMING",
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


@pytest.mark.parametrize("mode", NOT_BUILT)
def test_modes_not_built_yet(c, mode):
    c.fails(400, f"{mode} is not built yet", "build_index", index_mode=mode)
    assert c.ok("index_mode")["index_mode"] is None


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
    for bad, text in [
        ({"zz": 1}, "unknown index build parameter 'zz'"),
        ({"m": 0}, "m must be"),
        ({"m": 1.5}, "m must be"),
        ({"nprobe": -1}, "nprobe must be"),
        ({"alpha": 0.5}, "alpha must be"),
        ({"alpha": "1"}, "alpha must be"),
        ([1], "JSON object"),
        ("x", "JSON object"),
    ]:
        c.fails(400, text, "build_index", params=bad)
    for bad in (0, -1, 1.5, "x"):
        c.fails(400, "n_clusters", "build_index", n_clusters=bad)


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
