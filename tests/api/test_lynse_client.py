"""LynseDB's own Python client (package lynsedb on PyPI) against this server."""

import os
import tempfile

import numpy
import pytest

from data import clustered, recall

# the package writes a configuration file into the home folder when it is imported
home = tempfile.TemporaryDirectory(prefix="varve-lynse-home-")
os.environ["HOME"] = home.name
lynse = pytest.importorskip("lynse", reason="the package lynsedb is not installed")

DIM = 16


@pytest.fixture
def server(own_server):
    return own_server()


def connect(server, **arguments):
    return lynse.VectorDBClient(f"http://127.0.0.1:{server.port}", **arguments)


def vectors(n, seed=5):
    return numpy.random.default_rng(seed).random((n, DIM)).astype("f4")


def best(data, q, k):
    return numpy.argsort(-(data.astype(float) @ q.astype(float)))[:k].tolist()


def test_the_whole_life(server):
    """create, add, search, delete, restore, reopen."""
    data = vectors(3000)
    client = connect(server)
    db = client.create_database("life", drop_if_exists=True)
    assert "life" in client.list_databases()
    c = db.require_collection("docs", dim=DIM, drop_if_exists=True, description="some words")
    with c.insert_session() as session:
        session.add(
            ids=list(range(3000)),
            vectors=data,
            fields=[{"n": i, "even": i % 2 == 0} for i in range(3000)],
        )
    assert c.shape == (3000, DIM)
    assert c.index_mode == "FLAT-IP", "built by the client after its first write"
    q = vectors(1, 6)[0]
    ids, scores, fields = c.search(q, k=5, return_fields=True)
    expected = best(data, q, 5)
    assert list(ids) == expected and [f["n"] for f in fields] == expected
    numpy.testing.assert_allclose(scores, (data @ q)[expected], rtol=1e-5)

    c.delete([expected[0]])
    assert list(c.list_deleted_ids()) == [expected[0]]
    assert expected[0] not in list(c.search(q, k=5).ids)
    c.restore([expected[0]])
    assert list(c.search(q, k=5).ids) == expected
    c.delete([expected[1]])
    c.commit()
    c.checkpoint()

    server.stop()
    server.start()
    c = connect(server).get_database("life").get_collection("docs")
    assert c.shape == (3000, DIM)
    assert c.stats()["n_live"] == 2999 and c.max_id == 2999
    assert list(c.search(q, k=4).ids) == [expected[0]] + expected[2:5]
    assert list(c.list_deleted_ids()) == [expected[1]]
    assert "some words" in str(connect(server).get_database("life").show_collections_details())


def test_string_ids_and_upsert(server):
    c = connect(server).create_database("s").require_collection("c")
    assert c.add(ids="one", vectors=vectors(1)[0], fields={"a": 1}) == "one"
    assert c.add(ids=["two", 3], vectors=vectors(2, 7)) == ["two", 3]
    c.upsert(ids=["one"], vectors=vectors(1, 8))
    c.upsert(ids=[3, 4], vectors=vectors(2, 9), fields=[{"b": 1}, {"b": 2}])
    assert c.shape == (4, DIM)
    numpy.testing.assert_allclose(c.read_by_only_id("one").vectors, vectors(1, 8), rtol=1e-6)
    for id, there in [("one", True), (3, True), ("3", False), (0, False)]:
        assert c.is_id_exists(id) is there
    assert sorted(c.list_fields()) == ["a", "b"]
    result = c.query(filter_ids=["one", 4])
    assert list(result.ids) == ["one", 4]
    assert [f.get("b") for f in result.fields] == [None, 2]
    found = c.query_vectors(filter_ids=[3])
    numpy.testing.assert_allclose(found.vectors, vectors(2, 9)[:1], rtol=1e-6)
    with pytest.raises(Exception, match="already exists"):
        c.add(ids=["one"], vectors=vectors(1))
    with pytest.raises(Exception, match="already exists"):
        c.add(ids=[3], vectors=vectors(1))
    with pytest.raises(Exception, match="does not exist"):
        c.query(filter_ids=["nosuch"])


def test_automatic_ids_take_the_binary_way(server):
    data = vectors(2500)
    c = connect(server).create_database("auto").require_collection("c", dim=DIM)
    assert c.add(vectors=data) == list(range(2500))
    assert c.add(vectors=data[0]) == 2500
    assert c.max_id == 2500
    q = vectors(1, 6)[0]
    ids, scores, _ = c.search(q, k=7)
    assert list(ids) == best(data, q, 7)
    batch = c.batch_search(vectors(3, 8), k=4)
    for result, query in zip(batch, vectors(3, 8)):
        assert list(result.ids) == best(data, query, 4)
    c.delete(list(map(int, ids[:2])))
    assert list(c.search(q, k=5).ids) == best(data, q, 7)[2:]
    assert list(c.head(3).ids) == [0, 1, 2] and list(c.tail(2).ids) == [2499, 2500]


def test_automatic_ids_after_strings(server):
    c = connect(server).create_database("mixed").require_collection("c")
    c.add(ids=["a", "b"], vectors=vectors(2))
    assert c.add(vectors=vectors(2, 9)) == [2, 3]
    assert sorted(map(str, c.search(vectors(1)[0], k=9).ids)) == ["2", "3", "a", "b"]


def test_half_precision(server):
    c = connect(server).create_database("half").require_collection("c", dim=DIM, dtypes="float16")
    data = vectors(100)
    c.add(
        ids=list(range(100)),
        vectors=data,
        wire_dtype="float16",
        fields=[{"n": i} for i in range(100)],
    )
    got = c.query_vectors(filter_ids=[5, 6])
    numpy.testing.assert_array_equal(got.vectors, data[5:7].astype("f2").astype("f4"))


def test_index_modes_and_range(server):
    c = connect(server).create_database("modes").require_collection("c", dim=DIM)
    data = vectors(200)
    c.add(ids=[f"r{i}" for i in range(200)], vectors=data)
    c.build_index("FLAT-L2")
    q = data[17]
    result = c.search(q, k=3)
    assert result.ids[0] == "r17" and result.distances[0] == 0
    distances = ((data.astype(float) - q) ** 2).sum(1)
    within = c.search_range(q, threshold=float(numpy.sort(distances)[9]) + 1e-6)
    assert len(within.ids) == 10 and within.ids[0] == "r17"
    rounded = c.search(q, k=5, approx=True, eps=0.5).distances
    assert all(d * 2 == round(d * 2) for d in rounded)
    c.remove_index()
    with pytest.raises(Exception, match="unsupported index/metric combination"):
        c.build_index("IVF-L1")


def test_collections(server):
    db = connect(server).create_database("cols")
    db.require_collection("b", dim=3)
    db.require_collection("a")
    assert sorted(db.show_collections()) == ["a", "b"]
    db.update_collection_description("a", "new words")
    db.drop_collection("b")
    assert list(db.show_collections()) == ["a"]
    with pytest.raises(Exception):
        db.get_collection("b")
    connect(server).drop_database("cols")
    assert "cols" not in connect(server).list_databases()


def test_key(own_server):
    server = own_server("--api-key", "secret")
    with pytest.raises(ConnectionError, match="Authentication failed"):
        connect(server)
    c = connect(server, api_key="secret").create_database("k").require_collection("c")
    c.add(ids=[1], vectors=vectors(1))
    assert c.shape == (1, DIM)


ROWS, WIDE = 3000, 32


@pytest.fixture
def filled(server):
    """(collection, vectors, queries): rows with string ids, so that searches go by JSON."""
    data, queries = clustered(ROWS, WIDE)
    c = connect(server).create_database("ann").require_collection("c", dim=WIDE)
    c.add(ids=[f"r{i}" for i in range(ROWS)], vectors=data, batch_size=1000)
    return c, data, queries


def found(c, queries, **how):
    return [[int(id[1:]) for id in c.search(q, k=10, **how).ids] for q in queries]


@pytest.mark.parametrize(
    "mode, metric, label",
    [
        ("HNSW-L2", "L2", "HNSW"),
        ("HNSW-IP-SQ8", "IP", "HNSW"),
        ("IVF-IP", "IP", "IVF"),
        ("IVF-COS-SQ8", "COS", "IVF"),
        ("DISKANN-COS", "COS", "DiskANN"),
        ("DISKANN-L2-PQ", "L2", "DiskANN"),
        ("SPANN-L2", "L2", "SPANN"),
        ("FLAT-L2-SQ8", "L2", "Flat"),
        ("FLAT-IP-PQ", "IP", "Flat"),
        ("FLAT-COS-RABITQ", "COS", "Flat"),
        ("FLAT-L2-POLARVEC", "L2", "Flat"),
    ],
)
def test_indexes(filled, mode, metric, label):
    """The client sends nprobe=10 with each of these searches."""
    c, data, queries = filled
    c.build_index(mode)
    assert c.index_mode == mode
    result = c.search(queries[0], k=10)
    assert label in str(result.index_type) and len(result.ids) == 10
    assert recall(metric, data, queries, found(c, queries), 10) >= 0.9
    batch = c.batch_search(queries, k=10)
    assert recall(metric, data, queries, [[int(i[1:]) for i in r.ids] for r in batch], 10) >= 0.9
    c.remove_index()
    assert c.index_mode in (None, "none")
    assert recall("IP", data, queries, found(c, queries), 10) == 1


def test_parameters_and_breadth(server, filled):
    c, data, queries = filled
    c.build_index("IVF-L2", n_clusters=100, nprobe=8)
    narrow = recall("L2", data, queries, found(c, queries, nprobe=1), 10)
    assert narrow < recall("L2", data, queries, found(c, queries, nprobe=100), 10) == 1
    assert found(c, queries, nprobe=0) == found(c, queries, nprobe=10) == found(c, queries)
    c.build_index("HNSW-L2", m=24, ef_construction=200, ef_search=80)
    assert recall("L2", data, queries, found(c, queries), 10) >= 0.9
    c.build_index("DISKANN-L2", r=24, l=80, alpha=1.3, max_degree=40)
    assert recall("L2", data, queries, found(c, queries), 10) >= 0.9
    empty = connect(server).get_database("ann").require_collection("empty", dim=4)
    with pytest.raises(Exception, match="Empty database"):
        empty.build_index("HNSW-L2")
    empty.build_index("FLAT-L2")
    for wrong in ({"m": 0}, {"ef_construction": -1}):
        with pytest.raises(Exception):
            c.build_index("HNSW-L2", **wrong)
    with pytest.raises(Exception):
        c.build_index("HNSW")


def test_rows_after_a_build(server, filled):
    c, data, queries = filled
    c.build_index("HNSW-L2")
    late = (data[:5] + 50).astype("f4")
    c.add(ids=[f"r{i}" for i in range(ROWS, ROWS + 5)], vectors=late)
    assert [ids[0] for ids in found(c, late)] == list(range(ROWS, ROWS + 5))
    c.upsert(ids=["r7"], vectors=(data[7:8] - 50).astype("f4"))
    assert found(c, data[7:8] - 50)[0][0] == 7
    c.commit()
    for end in (server.stop, server.kill):
        end()
        server.start()
        c = connect(server).get_database("ann").get_collection("c")
        assert c.index_mode == "HNSW-L2"
        assert [ids[0] for ids in found(c, late)] == list(range(ROWS, ROWS + 5))
        assert found(c, data[7:8] - 50)[0][0] == 7


def test_compact(filled):
    c, data, queries = filled
    assert c.compact() == 0
    c.build_index("HNSW-L2")
    c.delete([f"r{i}" for i in range(100)])
    c.delete(["r5", "unknown"])
    assert c.stats()["n_tombstoned"] == 100
    assert not any(row < 100 for row in sum(found(c, queries), []))
    assert c.compact() == 100
    assert c.compact() == 0
    assert c.shape == (ROWS - 100, WIDE) and c.stats()["n_live"] == ROWS - 100
    assert list(c.list_deleted_ids()) == [] and not c.is_id_exists("r5")
    with pytest.raises(Exception, match="does not exist"):
        c.read_by_only_id("r5")
    kept = [[row for row in ids if row >= 100] for ids in found(c, queries)]
    assert recall("L2", data[100:], queries, [[r - 100 for r in a] for a in kept], 10) >= 0.9
    assert c.index_mode == "HNSW-L2"


def test_automatic_ids_on_an_index(server):
    """Binary searches, with internal ids in the answer."""
    data, queries = clustered(ROWS, WIDE)
    c = connect(server).create_database("auto-ann").require_collection("c", dim=WIDE)
    c.add(vectors=data)
    c.build_index("HNSW-L2")
    answers = [list(map(int, c.search(q, k=10).ids)) for q in queries]
    assert recall("L2", data, queries, answers, 10) >= 0.9
    batch = [list(map(int, r.ids)) for r in c.batch_search(queries, k=10)]
    assert recall("L2", data, queries, batch, 10) >= 0.9
    gone = answers[0][:3]
    c.delete(gone)
    assert c.compact() == 3
    assert not set(gone) & set(map(int, c.search(queries[0], k=10).ids))
