"""Fields of vectors beside the primary one: dense, of several vectors, sparse."""

import numpy
import pytest

from filters import DIM, fields, fill, vectors

WIDE = 24


@pytest.fixture
def c(make):
    c = make()
    fill(c, 300)
    return c


def plain(metric, rows, q):
    rows, q = rows.astype(float), q.astype(float)
    if metric == "ip":
        return -(rows @ q)
    if metric == "l2":
        return ((rows - q) ** 2).sum(1)
    return 1 - rows @ q / numpy.linalg.norm(rows, axis=1) / numpy.linalg.norm(q)


DEFAULT = {
    "name": "default",
    "dimension": DIM,
    "metric": "ip",
    "index_mode": "FLAT-IP",
    "dtypes": "float32",
}


def test_create_and_list(c):
    assert c.ok("list_vector_fields")["fields"] == [DEFAULT]
    field = {
        "name": "title",
        "dimension": WIDE,
        "metric": "l2",
        "index_mode": "FLAT-L2",
        "dtypes": "float32",
    }
    spec = {"field_name": "title", "dim": WIDE, "metric": "euclidean"}
    assert c.ok("create_vector_field", **spec)["field"] == field
    assert c.ok("create_vector_field", **spec)["field"] == field, "the same again is fine"
    assert c.ok("list_vector_fields")["fields"] == [DEFAULT, field]
    c.fails(400, "title", "create_vector_field", **{**spec, "dim": 3})
    c.fails(400, "title", "create_vector_field", **{**spec, "metric": "cosine"})
    c.ok("create_vector_field", field_name="a", dim=2, index_mode="hnsw-ip", dtypes="f16")
    names = [(f["name"], f["index_mode"]) for f in c.ok("list_vector_fields")["fields"]]
    assert names == [("default", "FLAT-IP"), ("a", "HNSW-IP"), ("title", "FLAT-L2")]
    c.ok("create_vector_field", field_name="words", kind="sparse")
    sparse = c.ok("list_vector_fields")["fields"][-1]
    assert sparse["kind"] == "sparse" and sparse["rows"] == 0
    details = c.ok("list_vector_fields", details=True)["fields"]
    assert [f["kind"] for f in details] == ["dense", "dense", "dense", "sparse"]
    assert details[0]["rows"] == 300


@pytest.mark.parametrize(
    "spec, text",
    [
        ({}, "missing field `field_name`"),
        ({"field_name": "x"}, "missing field `dim`"),
        ({"field_name": "x", "dim": 0}, "dim must be greater than 0"),
        ({"field_name": "x", "dim": -1}, "dim"),
        ({"field_name": "x", "dim": 100000}, "dim_max"),
        ({"field_name": "default", "dim": 2}, "default"),
        ({"field_name": "a b", "dim": 2}, ""),
        ({"field_name": "", "dim": 2}, ""),
        ({"field_name": "x", "dim": 2, "metric": "far"}, "unsupported metric 'far'"),
        ({"field_name": "x", "dim": 2, "dtypes": "f7"}, "unsupported vector dtype 'f7'"),
        ({"field_name": "x", "dim": 2, "index_mode": "FLAT-L2"}, ""),
        ({"field_name": "x", "dim": 2, "index_mode": "SPAM-IP"}, ""),
        ({"field_name": "x", "dim": 2, "kind": "thick"}, "kind is dense, sparse or multi"),
    ],
)
def test_create_refusals(c, spec, text):
    assert c.fails(400, text, "create_vector_field", **spec)["code"] == "invalid_argument"
    assert c.ok("list_vector_fields")["fields"] == [DEFAULT]


@pytest.mark.parametrize("metric", ["ip", "l2", "cosine"])
def test_named_vectors(c, metric):
    """Every second row has one; search, batch, range, profile, deletes, and reading back."""
    c.ok("create_vector_field", field_name="v", dim=WIDE, metric=metric)
    ids, data = list(range(0, 300, 2)), vectors(150, WIDE, seed=6)
    params = c.ok("add_named_vectors", field_name="v", ids=ids, vectors=data.tolist())
    assert params == {**c.names, "field_name": "v", "ids": ids}
    c.ok("delete", ids=[4, 5])
    live = [i for i in ids if i != 4]
    queries = vectors(2, WIDE, seed=7)
    for q in queries:
        d = plain(metric, data, q)
        best = sorted(live, key=lambda i: d[i // 2])
        items = c.ok("search", vector=q.tolist(), vector_field="v", k=12)["items"]
        assert items["ids"] == best[:12] and items["vector_field"] == "v"
        sign = -1 if metric == "ip" else 1
        scores = sign * d[[i // 2 for i in best[:12]]]
        numpy.testing.assert_allclose(items["scores"], scores, rtol=1e-5, atol=1e-5)
        some = [i for i in best if fields(i)["group"] == "a"]
        filtered = c.ok("search", vector=q.tolist(), vector_field="v", k=12, where="group = 'a'")
        assert filtered["items"]["ids"] == some[:12]
        limit = items["scores"][5] + sign * 1e-4
        near = c.ok("search_range", vector=q.tolist(), vector_field="v", threshold=limit)
        assert near["result"]["ids"] == best[:6]
        profile = c.ok("search_profile", vector=q.tolist(), vector_field="v", k=12)
        assert profile["items"]["ids"] == best[:12]
        assert profile["profile"]["vector_field"] == "v"
        status, _, reply = c.raw("search_binary", q.tobytes(), dim=WIDE, vector_field="v", k=3)
        assert status == 200 and numpy.frombuffer(reply, "<u8", 3, 4).tolist() == best[:3]
    results = c.ok("batch_search", vectors=queries.tolist(), vector_field="v", k=5)["results"]
    for q, result in zip(queries, results):
        d = plain(metric, data, q)
        assert result["ids"] == sorted(live, key=lambda i: d[i // 2])[:5]
    got = c.ok("get_named_vectors", field_name="v", ids=[2, 3, 0])
    numpy.testing.assert_array_equal(
        numpy.array([got["vectors"][0], got["vectors"][2]], "f4"), data[[1, 0]]
    )
    assert got["vectors"][1] is None and got["ids"] == [2, 3, 0]
    c.ok("restore", ids=[4])
    first = c.ok("search", vector=data[2].tolist(), vector_field="v", k=200)["items"]["ids"]
    assert 4 in first and len(first) == 150


def test_named_flat_fields_round_with_filters_too(c):
    c.ok("create_vector_field", field_name="v", dim=WIDE, metric="l2")
    c.ok("add_named_vectors", field_name="v", ids=[1, 2], vectors=vectors(2, WIDE).tolist())
    q = vectors(1, WIDE, seed=7)[0].tolist()
    asked = {"vector": q, "vector_field": "v", "approx": True, "eps": 0.5}
    for how in ({}, {"where": "n > 0"}):
        scores = c.ok("search", **asked, **how)["items"]["scores"]
        assert len(scores) == 2 and all(s * 2 == round(s * 2) for s in scores)


def test_named_vector_refusals(c):
    c.ok("create_vector_field", field_name="v", dim=2)
    c.ok("create_vector_field", field_name="s", kind="sparse")
    c.ok("add_named_vectors", field_name="v", ids=[1], vectors=[[1, 2]])
    for body, text in [
        ({"field_name": "v", "ids": [1], "vectors": [[3, 4]]}, "already"),
        ({"field_name": "v", "ids": [2, 1], "vectors": [[3, 4], [5, 6]]}, "already"),
        ({"field_name": "v", "ids": [4000], "vectors": [[3, 4]]}, "4000 does not exist"),
        ({"field_name": "v", "ids": [2], "vectors": []}, "No vectors provided"),
        ({"field_name": "v", "ids": [2, 3], "vectors": [[1, 2]]}, "ids length must match"),
        ({"field_name": "v", "ids": [2, 2], "vectors": [[1, 2], [1, 2]]}, "2"),
        ({"field_name": "v", "ids": [2], "vectors": [[1, 2, 3]]}, "imension"),
        ({"field_name": "v", "ids": [2, 3], "vectors": [[1, 2], [3]]}, "same dimension"),
        ({"field_name": "v", "ids": [2], "vectors": [[1, None]]}, "vectors[0][1]"),
        ({"field_name": "w", "ids": [2], "vectors": [[1, 2]]}, "field 'w' does not exist"),
        ({"field_name": "s", "ids": [2], "vectors": [[1, 2]]}, "sparse"),
        ({"field_name": "v", "vectors": [[1, 2]]}, "missing field `ids`"),
    ]:
        error = c.fails(400, text, "add_named_vectors", **body)
        assert error["code"] == "invalid_argument"
    assert c.ok("get_named_vectors", field_name="v", ids=[1, 2])["vectors"] == [[1, 2], None]
    c.fails(400, "field 'w' does not exist", "get_named_vectors", field_name="w", ids=[1])
    c.fails(400, "field 'w' does not exist", "delete_named_vectors", field_name="w", ids=[1])
    c.fails(400, "field 'w' does not exist", "drop_vector_field", field_name="w")
    c.fails(400, "default", "drop_vector_field", field_name="default")
    c.fails(400, "field 'w' does not exist", "search", vector=[1, 2], vector_field="w")
    c.fails(400, "is sparse", "search", vector=[1, 2], vector_field="s")
    c.fails(400, "Dimension mismatch", "search", vector=[1, 2, 3], vector_field="v")


def test_update_delete_drop(c):
    c.ok("create_vector_field", field_name="v", dim=2, metric="l2")
    c.ok("add_named_vectors", field_name="v", ids=[1, 2, 3], vectors=[[1, 0], [2, 0], [3, 0]])
    c.ok("update_named_vectors", field_name="v", ids=[2, 9], vectors=[[7, 7], [9, 9]])
    items = c.ok("search", vector=[8, 8], vector_field="v")["items"]
    assert items["ids"] == [2, 9, 3, 1] and items["scores"] == [2, 2, 89, 113]
    c.ok("delete_named_vectors", field_name="v", ids=[2, 5])
    assert c.ok("search", vector=[8, 8], vector_field="v")["items"]["ids"] == [9, 3, 1]
    assert c.ok("get_named_vectors", field_name="v", ids=[2])["vectors"] == [None]
    assert c.ok("is_id_exists", id=2)["is_id_exists"]
    c.ok("add_named_vectors", field_name="v", ids=[2], vectors=[[0, 0]])
    c.ok("drop_vector_field", field_name="v")
    assert c.ok("list_vector_fields")["fields"] == [DEFAULT]
    c.fails(400, "does not exist", "search", vector=[8, 8], vector_field="v")
    c.ok("create_vector_field", field_name="v", dim=3)
    assert c.ok("search", vector=[8, 8, 8], vector_field="v")["items"]["ids"] == []


def test_index_of_a_field(c):
    c.ok("create_vector_field", field_name="v", dim=WIDE, metric="l2")
    data = vectors(300, WIDE, seed=6)
    c.ok("add_named_vectors", field_name="v", ids=list(range(300)), vectors=data.tolist())
    built = c.ok("build_vector_field_index", field_name="v", index_mode="hnsw-l2", params={"m": 8})
    assert built == {
        **c.names,
        "field_name": "v",
        "index_mode": "hnsw-l2",
        "n_clusters": None,
        "params": {"m": 8},
    }
    assert c.ok("list_vector_fields")["fields"][1]["index_mode"] == "HNSW-L2"
    q = vectors(1, WIDE, seed=7)[0]
    best = numpy.argsort(plain("l2", data, q))[:10].tolist()
    found = c.ok("search", vector=q.tolist(), vector_field="v")["items"]["ids"]
    assert len(set(found) & set(best)) >= 8
    assert c.ok("remove_vector_field_index", field_name="v", params={})["field_name"] == "v"
    assert c.ok("list_vector_fields")["fields"][1]["index_mode"] == "FLAT-L2"
    assert c.ok("search", vector=q.tolist(), vector_field="v")["items"]["ids"] == best
    for body in [
        {"field_name": "w"},
        {"field_name": "v", "index_mode": "HNSW"},
        {"field_name": "v", "index_mode": "HNSW-L2", "params": {"spam": 1}},
        {},
    ]:
        c.fails(400, "", "build_vector_field_index", **body)
    c.fails(400, "field 'w' does not exist", "remove_vector_field_index", field_name="w")


def test_fields_after_a_restart(own_server, collection_on):
    server = own_server()
    c = collection_on(server)
    fill(c, 50)
    c.ok("create_vector_field", field_name="v", dim=2, metric="l2")
    c.ok("add_named_vectors", field_name="v", ids=[1, 2], vectors=[[1, 0], [2, 0]])
    c.ok("add_sparse_vectors", ids=[3], vectors=[{"indices": [7], "values": [2]}])
    for end in (server.kill, server.stop):
        end()
        server.start()
        c = collection_on(server)
        assert c.ok("search", vector=[2, 0], vector_field="v")["items"]["ids"] == [2, 1]
        sparse = c.ok("sparse_search", vector={"indices": [7], "values": [1]})["items"]
        assert sparse["ids"] == [3] and sparse["scores"] == [2]
        c.ok("checkpoint")


# ---- several vectors per row ----


def max_sim(rows, queries):
    return sum((rows @ q).max() for q in queries.astype(float))


def test_multi_vectors(c):
    c.ok("create_vector_field", field_name="m", dim=4, kind="multi")
    random = numpy.random.default_rng(4)
    rows = {i: random.normal(size=(1 + i % 4, 4)).astype("f4") for i in range(40)}
    c.ok(
        "add_named_vectors",
        field_name="m",
        ids=list(rows),
        multi_vectors=[rows[i].tolist() for i in rows],
    )
    queries = random.normal(size=(3, 4)).astype("f4")
    scores = {i: max_sim(rows[i].astype(float), queries) for i in rows}
    best = sorted(rows, key=lambda i: -scores[i])
    items = c.ok("search", vector=queries.tolist(), vector_field="m", k=15)["items"]
    assert items["ids"] == best[:15]
    numpy.testing.assert_allclose(items["scores"], [scores[i] for i in best[:15]], rtol=1e-5)
    some = [i for i in best if i % 2 == 0]
    assert (
        c.ok("search", vector=queries.tolist(), vector_field="m", k=9, where="even")["items"]["ids"]
        == some[:9]
    )
    got = c.ok("get_named_vectors", field_name="m", ids=[3, 100])["vectors"]
    numpy.testing.assert_array_equal(numpy.array(got[0], "f4"), rows[3])
    assert got[1] is None
    one = c.ok("search", vector=queries[0].tolist(), vector_field="m", k=1)["items"]["ids"]
    assert one == [max(rows, key=lambda i: max_sim(rows[i].astype(float), queries[:1]))]
    for body in [
        {"ids": [50], "vectors": [[1, 2, 3, 4]]},
        {"ids": [50], "multi_vectors": [[[1, 2, 3]]]},
        {"ids": [50], "multi_vectors": [[[1, 2, 3, 4], [1]]]},
        {"ids": [50], "multi_vectors": [[1, 2, 3, 4]]},
        {"ids": [50], "multi_vectors": [5]},
        {"ids": [50, 51], "multi_vectors": [[[1, 2, 3, 4]]]},
    ]:
        c.fails(400, "", "add_named_vectors", field_name="m", **body)


# ---- sparse ----


def sparse_rows(n, seed=11, universe=60):
    random = numpy.random.default_rng(seed)
    rows = []
    for _ in range(n):
        indices = random.choice(universe, size=random.integers(1, 9), replace=False)
        values = random.normal(size=len(indices)).astype("f4")
        rows.append(dict(zip(indices.tolist(), values.tolist())))
    return rows


def as_json(row):
    return {"indices": list(row), "values": list(row.values())}


def dot(a, b):
    return sum(v * b[i] for i, v in a.items() if i in b)


def test_sparse_search(c):
    rows = sparse_rows(300)
    params = c.ok("add_sparse_vectors", ids=list(range(300)), vectors=[as_json(r) for r in rows])
    assert params == {**c.names, "ids": list(range(300))}
    c.ok("delete", ids=[7, 8])
    for query in sparse_rows(8, seed=12):
        scores = {i: dot(query, r) for i, r in enumerate(rows) if i not in (7, 8)}
        best = sorted((i for i in scores if scores[i] != 0), key=lambda i: (-scores[i], i))
        items = c.ok("sparse_search", vector=as_json(query), k=20, return_fields=True)["items"]
        assert items["index"] == "SPARSE-FLAT-IP" and items["k"] == 20
        assert items["ids"] == best[:20]
        numpy.testing.assert_allclose(items["scores"], [scores[i] for i in best[:20]], rtol=1e-5)
        assert items["fields"] == [fields(i) for i in best[:20]]
        some = [i for i in best if fields(i)["group"] == "b"]
        asked = {"vector": as_json(query), "k": 20, "where": "group = 'b'"}
        assert c.ok("sparse_search", **asked)["items"]["ids"] == some[:20]


def test_sparse_vectors_are_put_in(c):
    def found(index):
        items = c.ok("sparse_search", vector={"indices": [index], "values": [1]})["items"]
        return dict(zip(items["ids"], items["scores"]))

    assert found(1) == {}, "nobody has put any in"
    c.ok(
        "add_sparse_vectors",
        ids=[1, 2],
        vectors=[
            {"indices": [1, 1, 2, 4294967295], "values": [1, 2, 0, 5]},
            {"indices": [1], "values": [1]},
        ],
    )
    assert found(1) == {1: 3, 2: 1}, "duplicates are summed"
    assert found(2) == {}, "zeros are dropped"
    assert found(4294967295) == {1: 5}
    got = c.ok("get_named_vectors", field_name="sparse", ids=[1, 3])["vectors"]
    assert got == [{"indices": [1, 4294967295], "values": [3, 5]}, None]
    c.ok("add_sparse_vectors", ids=[1], vectors=[{"indices": [2], "values": [4]}])
    assert found(1) == {2: 1} and found(2) == {1: 4}, "again replaces"
    c.ok("add_sparse_vectors", ids=[1], vectors=[{"indices": [], "values": []}])
    assert found(2) == {}, "an empty one removes"
    for body, text in [
        ({"ids": [1], "vectors": [{"indices": [1], "values": []}]}, "length must match"),
        ({"ids": [1], "vectors": [{"indices": [-1], "values": [1]}]}, "indices[0]"),
        ({"ids": [1], "vectors": [{"indices": [2**32], "values": [1]}]}, "indices[0]"),
        ({"ids": [1], "vectors": [{"indices": [1.5], "values": [1]}]}, "indices[0]"),
        ({"ids": [1], "vectors": [{"indices": [1], "values": ["x"]}]}, "values[0]"),
        ({"ids": [1], "vectors": [[1, 2]]}, "vectors[0]"),
        ({"ids": [1], "vectors": []}, "No vectors provided"),
        ({"ids": [1], "vectors": 5}, "vectors must be an array"),
        ({"ids": [1, 2], "vectors": [{"indices": [1], "values": [1]}]}, "length must match"),
        ({"ids": [4000], "vectors": [{"indices": [1], "values": [1]}]}, "does not exist"),
        ({"vectors": [{"indices": [1], "values": [1]}]}, "missing field `ids`"),
    ]:
        c.fails(400, text, "add_sparse_vectors", **body)
    for body, text in [
        ({}, "missing field `vector`"),
        ({"vector": [1, 2]}, "sparse vector is an object"),
        ({"vector": {"indices": [1], "values": [1, 2]}}, "length must match"),
        ({"vector": {"indices": [1], "values": [1]}, "vector_field": "nosuch"}, "does not exist"),
        ({"vector": {"indices": [1], "values": [1]}, "vector_field": "default"}, "not sparse"),
        ({"vector": {"indices": [1], "values": [1]}, "k": 10001}, "max_top_k"),
    ]:
        c.fails(400, text, "sparse_search", **body)


def test_sparse_fields_of_other_names(c):
    c.ok("create_vector_field", field_name="splade", kind="sparse")
    vector = {"indices": [5], "values": [1]}
    c.ok("add_sparse_vectors", field_name="splade", ids=[1], vectors=[vector])
    assert c.ok("sparse_search", vector=vector)["items"]["ids"] == []
    assert c.ok("sparse_search", vector=vector, vector_field="splade")["items"]["ids"] == [1]
    c.ok("create_vector_field", field_name="v", dim=2)
    c.fails(400, "not sparse", "add_sparse_vectors", field_name="v", ids=[1], vectors=[vector])
