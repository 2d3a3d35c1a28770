"""Rows in: add, upsert, delete, restore; what is refused, and in which order."""

import pytest

BIG = 2**64 - 1


def ids_of(c):
    return c.ok("query", return_ids_only=True)["result"]


def test_add_answers_the_ids(make):
    c = make()
    ids = [1, "1", 'é"\n', 0, BIG, 2**63]
    vectors = [[float(i), 1.0] for i in range(len(ids))]
    assert c.ok("add", ids=ids, vectors=vectors) == {**c.names, "ids": ids}
    assert c.ok("head", n=10)["head"] == [vectors, ids, [{}] * 6]
    assert ids_of(c) == ids
    assert c.ok("max_id")["max_id"] == 5, "the largest ordinal, not the largest id"


@pytest.mark.parametrize(
    "body, text",
    [
        (dict(ids=[True]), "ids[0]"),
        (dict(ids=[1.0]), "ids[0]"),
        (dict(ids=[-1]), "ids[0]"),
        (dict(ids=[""]), "string IDs cannot be empty"),
        (dict(ids=[None]), "ids[0]"),
        (dict(ids=[[1]]), "ids[0]"),
        (dict(ids=[{}]), "ids[0]"),
        (dict(ids=7), "ids"),
        (dict(ids=[2**64]), ""),
        (dict(ids=["x" * 1025]), ""),
        (dict(ids=None), "ids"),
        (dict(ids=[]), "ids cannot be empty"),
        (dict(ids=[], vectors=[]), "ids cannot be empty"),
        (dict(vectors=[]), "vectors cannot be empty"),
        (dict(vectors=[[]]), "vectors cannot be empty"),
        (dict(ids=[8, 9]), "ids length must match vectors length"),
        (dict(ids=[8, 9], vectors=[[], [1]]), "vectors cannot be empty"),
        (
            dict(ids=[8, 9], vectors=[[1, 2], [1]]),
            "all vectors in a batch must have the same dimension",
        ),
        (dict(ids=[8, 9], vectors=[[1, 2], [1]], fields=[]), "same dimension"),
        (dict(vectors=[[1, 2, 3]]), "Dimension mismatch: expected 2, got 3"),
        (dict(vectors=[[1, None]]), "vectors[0][1]"),
        (dict(vectors=[["1", 2]]), "vectors[0][0]"),
        (dict(vectors=[[1, True]]), "vectors[0][1]"),
        (dict(vectors=[[1, 1e39]]), "vectors[0][1]"),
        (dict(vectors=[1, 2]), "vectors"),
        (dict(vectors=[None]), "vectors"),
        (dict(vectors="x"), "vectors"),
        (dict(vectors=None), "vectors"),
        (dict(vectors={}), "vectors"),
        (dict(fields=[]), "fields length must match vectors length"),
        (dict(fields=[1]), "fields[0]"),
        (dict(fields={}), "fields"),
        (dict(fields=[[]]), "fields[0]"),
        (
            dict(ids=[9, 9], vectors=[[1, 2], [1, 2]]),
            "duplicate external id 9 within the same insert batch",
        ),
        (
            dict(ids=["x", "x"], vectors=[[1, 2], [1, 2]]),
            "duplicate external id 'x' within the same",
        ),
        (dict(fields=[{f"k{i}": 1 for i in range(2000)}]), ""),
    ],
)
def test_refusals(make, body, text):
    c = make()
    c.ok("add", ids=["old"], vectors=[[1, 2]])
    for route in ("add", "upsert"):
        answer = c.fails(400, text, route, **{"ids": [7], "vectors": [[1, 2]], **body})
        assert answer["code"] == "invalid_argument"
    assert ids_of(c) == ["old"], "a refused write changes nothing"


def test_missing_keys(make):
    c = make()
    c.fails(400, "missing field `ids`", "add", vectors=[[1]])
    c.fails(400, "missing field `vectors`", "add", ids=[1])
    c.fails(400, "missing field `ids`", "delete")
    c.fails(400, "missing field `id`", "is_id_exists")


def test_literals_that_are_no_json(make):
    c = make()
    for literal in (b"NaN", b"Infinity", b"-Infinity", b"1e400"):
        body = b'{"database_name":"%s","collection_name":"c","ids":[1],"vectors":[[1,%s]]}' % (
            c.database.encode(),
            literal,
        )
        assert (
            c.client.request("POST", "/add", body, {"Content-Type": "application/json"})[0] == 400
        )
    assert ids_of(c) == []


def test_existing_ids(make):
    c = make()
    c.ok("add", ids=[1, "a", BIG], vectors=[[1], [2], [3]])
    for id, shown in ((1, "1"), ("a", "'a'"), (BIG, str(BIG))):
        answer = c.fails(
            400, f"external id {shown} already exists", "add", ids=["new", id], vectors=[[1], [2]]
        )
        assert answer["code"] == "invalid_argument"
    assert ids_of(c) == [1, "a", BIG], "all or nothing"
    c.ok("delete", ids=[1])
    c.fails(400, "external id 1 already exists", "add", ids=[1], vectors=[[1]])


def test_upsert_fields(make):
    c = make()
    c.ok("add", ids=[1, 2, 3], vectors=[[1], [2], [3]], fields=[{"a": 1, "b": 2}] * 3)
    assert c.ok("upsert", ids=[1, 9], vectors=[[10], [90]], fields=None)["ids"] == [1, 9]
    c.ok("upsert", ids=[2, 3], vectors=[[20], [30]], fields=[{}, {"c": 3}])
    assert c.ok("head")["head"] == [
        [[10], [20], [30], [90]],
        [1, 2, 3, 9],
        [{"a": 1, "b": 2}, {}, {"c": 3}, {}],
    ]
    c.ok("upsert", ids=[2, 3], vectors=[[21], [31]], fields=[{"d": 4}, None])
    assert c.ok("head")["head"][2] == [{"a": 1, "b": 2}, {"d": 4}, {"c": 3}, {}]


def test_fields_come_back_as_they_went(make):
    c = make()
    fields = {
        "null": None,
        "yes": True,
        "no": False,
        "int": -5,
        "big": BIG,
        "low": -(2**63),
        "real": 0.1,
        "whole": 1.0,
        "exp": 1e300,
        "tiny": 5e-324,
        "text": 'é\u0001"\\\n',
        "": "empty key",
        "nested": {"list": [1, [2, {"x": None}], 3.5], "big": 2**63},
        "id": "mine",
        "external_id": 7,
        "_id": 8,
        "vector": [1, 2, 3],
        "vectors": [[1, 2], [3]],
        "ids": [1],
    }
    c.ok("add", ids=[5], vectors=[[1, 2]], fields=[fields])
    got = c.ok("head")["head"][2][0]
    assert got == fields and list(got) == list(fields)
    for key in ("whole", "real", "int", "big"):
        assert type(got[key]) is type(fields[key]), key
    assert c.ok("search", vector=[1, 2], return_fields=True)["items"]["fields"] == [fields]
    assert sorted(c.ok("list_fields")["fields"]) == sorted(fields)


@pytest.mark.parametrize(
    "fields",
    [
        [{"vector": [1, 2]}],
        [{"vectors": [[1, 2]]}],
        [{"x": {"vectors": [1]}}],
        [{"vector": None}],
        [{"vectors": "text"}],
        [{"t": '"vectors":'}],
    ],
)
@pytest.mark.parametrize("fields_first", [False, True])
def test_vectors_inside_fields(make, fields, fields_first):
    c = make()
    body = {"ids": [1], "vectors": [[0.5, 2]]}
    body = {"fields": fields, **body} if fields_first else {**body, "fields": fields}
    c.ok("add", **body)
    assert c.ok("head")["head"] == [[[0.5, 2]], [1], fields]


def test_delete_and_restore(make):
    c = make()
    c.ok("add", ids=[10, 11, "x"], vectors=[[1], [2], [3]])
    assert c.ok("delete", ids=["x", 10, 77, "nosuch"]) == {**c.names, "status": "ok"}
    c.ok("delete", ids=[10])
    c.ok("delete", ids=[])
    assert c.ok("list_deleted_ids") == {**c.names, "ids": [10, "x"]}, "in order of insertion"
    assert ids_of(c) == [11]
    assert c.ok("collection_shape")["shape"] == [3, 1]
    assert c.ok("stats")["stats"] == {
        "n_vectors": 3,
        "n_live": 1,
        "n_tombstoned": 2,
        "dimension": 1,
        "index_mode": "none",
        "max_id": 2,
    }
    assert c.ok("head")["head"][1] == [10, 11, "x"]
    assert c.ok("search", vector=[1])["items"]["ids"] == [11]
    assert c.ok("is_id_exists", id=10)["is_id_exists"] is True
    assert c.ok("restore", ids=[10, 77]) == {**c.names, "status": "ok"}
    assert ids_of(c) == [10, 11]
    c.ok("upsert", ids=["x"], vectors=[[30]])
    assert c.ok("list_deleted_ids")["ids"] == []
    assert c.ok("head")["head"][0] == [[1], [2], [30]]
    for route in ("delete", "restore"):
        c.fails(400, "ids[1]", route, ids=[1, True])
        c.fails(400, "ids", route, ids="x")


def test_is_id_exists(make, client, database):
    c = make()
    c.ok("add", ids=[1, "b"], vectors=[[1], [2]])
    for id, there in [(1, True), ("1", False), ("b", True), (0, False), (BIG, False)]:
        assert c.ok("is_id_exists", id=id) == {**c.names, "is_id_exists": there}
    for names in [(database, "typo"), ("nosuch", "c")]:
        body = {"database_name": names[0], "collection_name": names[1], "id": 1}
        status, answer = client.post("/is_id_exists", body)
        assert status == 200 and answer["params"]["is_id_exists"] is False
    for bad in (True, 1.5, -1, "", [1]):
        c.fails(400, "id", "is_id_exists", id=bad)


@pytest.mark.parametrize(
    "dtype, vectors",
    [
        ("float16", [[0.5, -2.0], [65504, 0]]),
        ("uint8", [[0, 255], [7, 8]]),
        ("int8", [[-128, 127], [0, -1]]),
        ("binary", [[1, 0] * 4, [0, 1] * 4]),
    ],
)
def test_storage_types(make, dtype, vectors):
    c = make(dtypes=dtype)
    c.ok("add", ids=[1, 2], vectors=vectors)
    assert c.ok("head")["head"][0] == vectors


@pytest.mark.parametrize(
    "dtype, vector",
    [("float16", [1e6, 0]), ("uint8", [256, 0]), ("uint8", [0.5, 0]), ("int8", [-129, 0])],
)
def test_values_that_do_not_fit_the_storage_type(make, dtype, vector):
    c = make(dtypes=dtype)
    c.fails(400, "", "add", ids=[1], vectors=[vector])
