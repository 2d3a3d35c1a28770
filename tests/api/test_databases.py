"""Databases, and what holds for every route."""

import json

import pytest


def post(client, route, **body):
    return client.post("/" + route, body)


def test_root(client):
    status, headers, data = client.request("GET", "/")
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert json.loads(data) == {"status": "success", "message": "LynseDB HTTP API"}


def test_create_list_drop(client):
    for name in ("zz1", "aa1"):
        assert post(client, "create_database", database_name=name) == (
            200,
            {"status": "success", "params": {"database_name": name}},
        )
    names = json.loads(client.request("GET", "/list_databases")[2])["params"]["databases"]
    assert names.index("zz1") < names.index("aa1"), "in order of creation"
    assert "default" in names
    for route in ("drop_database", "delete_database"):
        for _ in range(2):  # absent: a success too
            assert post(client, route, database_name="zz1")[0] == 200
    assert post(client, "database_exists", database_name="zz1")[1]["params"] == {
        "database_name": "zz1",
        "exists": False,
    }
    assert post(client, "database_exists", database_name="aa1")[1]["params"]["exists"] is True
    assert post(client, "database_exists", database_name="../x")[1]["params"]["exists"] is False


def test_create_again_and_drop_if_exists(client, make, database):
    c = make()
    c.ok("add", ids=[1], vectors=[[1, 2]])
    assert post(client, "create_database", database_name=database)[0] == 200
    assert c.ok("collection_shape")["shape"] == [1, 2]
    assert post(client, "create_database", database_name=database, drop_if_exists=True)[0] == 200
    c.fails(404, "Collection not found: c", "collection_shape")


def test_names_are_trimmed(client):
    assert post(client, "create_database", database_name=" trimmed ")[0] == 200
    assert post(client, "database_exists", database_name="trimmed")[1]["params"]["exists"] is True


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "a..b", "a b", "é", "x" * 129, ".hidden"])
def test_bad_names(client, make, name):
    status, answer = post(client, "create_database", database_name=name)
    assert status == 400 and answer["code"] == "invalid_argument", answer
    c = make()
    c.names["collection_name"] = name
    c.fails(400, "", "required_collection")


def test_name_of_128(client):
    assert post(client, "create_database", database_name="x" * 128)[0] == 200
    assert post(client, "drop_database", database_name="x" * 128)[0] == 200


@pytest.mark.parametrize(
    "body, text",
    [
        (b"", "deserialize"),
        (b"{", "deserialize"),
        (b"[]", "deserialize"),
        (b"{}", "database_name"),
        (b'{"database_name": 1}', "database_name"),
        (b'{"database_name": null}', "database_name"),
        (b'{"database_name": "a", "database_name": "b"}', "deserialize"),
        (b'{"x": NaN}', "deserialize"),
        (b"\xff\xfe", "deserialize"),
        (b"[" * 100000, ""),
    ],
)
def test_bodies_that_are_refused(client, body, text):
    status, _, data = client.request(
        "POST", "/create_database", body, {"Content-Type": "application/json"}
    )
    assert status == 400
    answer = json.loads(data)
    assert answer["code"] == "invalid_argument" and text in answer["error"]


def test_content_type(client):
    body = b'{"database_name": "x"}'
    status, _, data = client.request(
        "POST", "/database_exists", body, {"Content-Type": "text/plain"}
    )
    assert status == 400 and b"Content type error" in data
    for kind in ("application/json; charset=utf-8", "Application/JSON"):
        assert client.request("POST", "/database_exists", body, {"Content-Type": kind})[0] == 200


def test_unknown_keys_and_nulls_are_passed_over(client):
    status, answer = post(
        client,
        "create_database",
        database_name="nulls",
        drop_if_exists=None,
        vector=[1, 2],
        vectors=None,
        anything={"vectors": [[1]]},
    )
    assert status == 200, answer


@pytest.mark.parametrize(
    "route",
    [
        "collection_shape",
        "stats",
        "get_collection_config",
        "get_collection_path",
        "list_fields",
        "commit",
        "flush",
        "checkpoint",
        "close_collection",
        "list_deleted_ids",
        "max_id",
        "head",
        "tail",
        "query",
        "query_vectors",
        "remove_index",
        "index_mode",
        "build_index",
    ],
)
def test_missing_names_are_404_and_create_nothing(client, database, route):
    names = {"database_name": database, "collection_name": "typo"}
    status, answer = post(client, route, **names)
    assert (status, answer) == (404, {"error": "Collection not found: typo", "code": "not_found"})
    assert post(client, "is_collection_exists", **names)[1]["params"]["exists"] is False
    status, answer = post(client, route, database_name="nosuch", collection_name="c")
    assert (status, answer) == (404, {"error": "Database not found: nosuch", "code": "not_found"})


def test_missing_names_with_arguments(client, database):
    names = {"database_name": database, "collection_name": "typo"}
    for route, body in [
        ("add", {"ids": [1], "vectors": [[1]]}),
        ("upsert", {"ids": [1], "vectors": [[1]]}),
        ("delete", {"ids": [1]}),
        ("restore", {"ids": [1]}),
        ("search", {"vector": [1]}),
        ("batch_search", {"vectors": [[1]]}),
        ("search_range", {"vector": [1], "threshold": 1}),
        ("read_by_only_id", {"id": 1}),
        ("update_description", {"description": "x"}),
    ]:
        assert post(client, route, **names, **body)[0] == 404, route
    for route in (
        "search_binary",
        "batch_search_binary",
        "bulk_add_binary",
        "add_records_binary",
        "upsert_records_binary",
        "bulk",
    ):
        status, _, data = client.binary("/" + route, b"", **names, dim=1, n_vectors=1, n_queries=1)
        assert status == 404 and b"Collection not found: typo" in data, route
    assert client.binary("/head_binary", None, "GET", **names)[0] == 404
    assert (
        post(client, "show_collections", database_name=database)[1]["params"]["collections"] == []
    )
