"""Collections: create, describe, drop."""

import pytest


def test_life(make, client, database):
    c = make(dim=3, description="first")
    assert c.ok("is_collection_exists") == {**c.names, "exists": True}
    assert c.ok("get_collection_config") == {
        **c.names,
        "config": {"dim": 3, "chunk_size": 100000, "dtypes": "float32", "description": "first"},
    }
    assert c.ok("collection_shape") == {**c.names, "shape": [0, 3]}
    assert c.ok("max_id") == {**c.names, "max_id": -1}
    assert c.ok("stats")["stats"] == {
        "n_vectors": 0,
        "n_live": 0,
        "n_tombstoned": 0,
        "dimension": 3,
        "index_mode": "none",
        "max_id": -1,
    }
    assert c.ok("list_fields")["fields"] == []
    assert c.ok("index_mode") == {**c.names, "index_mode": None}
    for route in ("flush", "checkpoint", "close_collection", "close_collection"):
        assert c.ok(route) == c.names
    assert c.ok("commit", items=[1]) == {"status": "Success", "result": c.names}
    assert c.ok("drop_collection") == c.names
    assert c.ok("drop_collection") == c.names, "absent: a success"
    assert c.ok("is_collection_exists")["exists"] is False
    c.fails(404, "Collection not found: c", "get_collection_config")


def test_required_again(make):
    c = make()
    assert c.ok("get_collection_config")["config"]["dim"] == 0
    c.ok("add", ids=[1], vectors=[[1, 2]])
    assert c.ok("get_collection_config")["config"]["dim"] == 2
    for same in (
        {},
        {"dim": 0},
        {"dim": None},
        {"dim": 2},
        {"dtypes": "f32"},
        {"n_threads": 3, "warm_up": True},
    ):
        c.ok("required_collection", **same)
    c.fails(400, "dimension", "required_collection", dim=3)
    c.fails(400, "dtype", "required_collection", dtypes="float16")
    assert c.ok("collection_shape")["shape"] == [1, 2]
    c.ok("required_collection", description="later")
    assert c.ok("get_collection_config")["config"]["description"] == "later"
    c.ok("required_collection", drop_if_exists=True, dim=5)
    assert c.ok("collection_shape")["shape"] == [0, 5]


@pytest.mark.parametrize(
    "name, dtype",
    [
        (None, "float32"),
        ("f32", "float32"),
        ("Float32", "float32"),
        ("float", "float32"),
        ("f16", "float16"),
        ("half", "float16"),
        ("fp16", "float16"),
        ("uint8", "uint8"),
        ("int8", "int8"),
        ("binary", "binary"),
    ],
)
def test_dtypes(make, name, dtype):
    c = make(dtypes=name)
    assert c.ok("get_collection_config")["config"]["dtypes"] == dtype


@pytest.mark.parametrize(
    "bad",
    [
        {"dtypes": "float64"},
        {"dim": -1},
        {"dim": 1.5},
        {"dim": "3"},
        {"dim": 10**30},
        {"dim": 2**63},
        {"drop_if_exists": 1},
        {"description": 5},
    ],
)
def test_required_refuses(make, bad):
    c = make()
    c.fails(400, "", "required_collection", **bad)


def test_show(make, client, database):
    a, b = make("a", dim=2, description='x "quoted" é'), make("b")
    a.ok("add", ids=[1, 2], vectors=[[1, 2], [3, 4]])
    a.ok("build_index", index_mode="flat-l2")
    status, answer = client.post("/show_collections", {"database_name": database})
    assert status == 200 and sorted(answer["params"]["collections"]) == ["a", "b"]
    status, answer = client.post("/show_collections_details", {"database_name": database})
    assert answer["params"] == {
        "database_name": database,
        "collections": {
            "a": {
                "name": "a",
                "shape": [2, 2],
                "dim": 2,
                "dtypes": "float32",
                "index_mode": "flat-l2",
                "description": 'x "quoted" é',
            },
            "b": {"name": "b", "shape": [0, 0], "dim": 0, "dtypes": "float32"},
        },
    }
    for route in ("/show_collections", "/show_collections_details"):
        assert client.post(route, {}) == (
            400,
            {"error": "Missing required parameter: database_name", "code": "invalid_argument"},
        )
        assert client.post(route, {"database_name": "nosuch"})[0] == 404


def test_description(make):
    c = make()
    assert c.ok("get_collection_config")["config"]["description"] is None
    for route in ("update_description", "update_collection_description"):
        assert c.ok(route, description=route + '\n"é\u0001') == {
            **c.names,
            "description": route + '\n"é\u0001',
        }
        assert c.ok("get_collection_config")["config"]["description"] == route + '\n"é\u0001'
        c.fails(400, "description", route)
        c.fails(400, "description", route, description=7)


def test_path(make, shared):
    path = make().ok("get_collection_path")["collection_path"]
    assert path.startswith(shared.folder)
