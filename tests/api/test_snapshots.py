"""Snapshots, restores, exports and imports over HTTP, by names on the server."""

import json
import struct
from pathlib import Path

import numpy
import pytest

ROWS = 500
NEAREST = {"vector": [1, 1, 1, 1], "k": 3}


def fill(c, start=0, rows=ROWS):
    ids = list(range(start, start + rows))
    c.ok(
        "add",
        ids=ids,
        vectors=[[i, i % 7, 1, 0.5] for i in ids],
        fields=[{"n": i, "word": f"row {i}"} for i in ids],
    )


def state(c):
    got = c.ok("head", n=10000)["head"]
    return got


@pytest.fixture
def filled(make):
    c = make("c", dim=4)
    fill(c)
    c.ok("delete", ids=[3, 4])
    return c


def other(c, name):
    return type(c)(c.client, c.database, name)


def test_collection_there_and_back(filled):
    c, name = filled, f"{filled.database}-one"
    before = state(c)
    assert c.ok("snapshot_collection", snapshot_path=name)["snapshot_path"] == name
    c.fails(400, "already exists", "snapshot_collection", snapshot_path=name)
    c.ok("delete", ids=list(range(100)))
    fill(c, 1000, 10)
    again = other(c, "again")
    again.ok("restore_collection", snapshot_path=name)
    assert state(again) == before
    assert again.ok("list_deleted_ids")["ids"] == [3, 4]
    c.fails(409, "Collection already exists: c", "restore_collection", snapshot_path=name)
    assert c.ok("collection_shape")["shape"][0] == ROWS + 10  # deleted ones count
    c.ok("restore_collection", snapshot_path=name, overwrite=True)
    assert state(c) == before
    found, asked = again.ok("search", **NEAREST), c.ok("search", **NEAREST)
    assert found["items"] == asked["items"]


def test_database_there_and_back(filled):
    c, name = filled, f"{filled.database}-db"
    before = state(c)
    post = c.client.post
    asked = {"database_name": c.database, "snapshot_path": name}
    assert post("/snapshot_database", asked)[0] == 200
    assert post("/snapshot_database", asked)[0] == 400
    status, answer = post("/restore_database", asked)
    assert status == 400 and f"database already exists: {c.database}" in answer["error"]
    twin = c.database + "x"
    status, answer = post("/restore_database", {"database_name": twin, "snapshot_path": name})
    assert status == 200 and answer["params"] == {"database_name": twin, "snapshot_path": name}
    assert state(type(c)(c.client, twin, "c")) == before
    other(c, "later").ok("required_collection", dim=2)
    assert post("/restore_database", {**asked, "overwrite": True})[0] == 200
    shown = post("/show_collections", {"database_name": c.database})[1]["params"]
    assert shown["collections"] == ["c"]
    assert state(c) == before


@pytest.mark.parametrize("layout", [None, "varve", "lynsedb"])
def test_export_there_and_back(filled, layout):
    c, name = filled, f"{filled.database}-export-{layout}"
    before = state(c)
    extra = {"layout": layout} if layout else {}
    assert c.ok("export_collection", export_path=name, **extra)["export_path"] == name
    c.fails(400, "already exists", "export_collection", export_path=name, **extra)
    again = other(c, "again")
    again.ok("import_collection", export_path=name)
    assert again.ok("collection_shape")["shape"] == [ROWS - 2 * (layout == "lynsedb"), 4]
    if layout != "lynsedb":  # heads have deleted rows as well
        assert state(again) == before
    asked = {"vector": [90, 1, 1, 1], "k": ROWS, "return_fields": True}
    assert again.ok("search", **asked)["items"] == c.ok("search", **asked)["items"]
    assert again.ok("list_deleted_ids")["ids"] == ([] if layout == "lynsedb" else [3, 4])
    c.fails(409, "Collection already exists: c", "import_collection", export_path=name)
    c.ok("import_collection", export_path=name, overwrite=True)


def test_exports_are_plain_files(own_server, collection_on):
    server = own_server()
    c = collection_on(server, dim=4)
    fill(c)
    c.ok("export_collection", export_path="a")
    c.ok("export_collection", export_path="b", layout="lynsedb")
    ours, theirs = Path(server.folder, "snapshots/a"), Path(server.folder, "snapshots/b")
    vectors = numpy.load(ours / "vectors.npy")
    rows = [json.loads(line) for line in (ours / "rows.jsonl").read_text().splitlines()]
    assert vectors.shape == (ROWS, 4) and vectors.dtype == numpy.float32
    assert [row["id"] for row in rows] == list(range(ROWS))
    assert rows[7]["fields"] == {"n": 7, "word": "row 7"}
    manifest = json.loads((theirs / "export_manifest.json").read_text())
    assert manifest["export_type"] == "lynsedb-collection-export" and manifest["count"] == ROWS
    raw = (theirs / "vectors.f32").read_bytes()
    assert struct.unpack("<4f", raw[16 * 9 : 16 * 10]) == (9, 2, 1, 0.5)
    line = json.loads((theirs / "metadata.jsonl").read_text().splitlines()[9])
    assert line == {"external_id": 9, "id": 9, "field": {"n": 9, "word": "row 9"}}


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../b", "/etc/x", ".hidden", "a//b", "a/", "", "a b", "x" * 200, "a/" * 8 + "i"],
)
def test_paths_do_not_climb(filled, path):
    for route in ("snapshot_collection", "restore_collection"):
        filled.fails(400, "snapshot_path", route, snapshot_path=path)
    for route in ("export_collection", "import_collection"):
        filled.fails(400, "export_path", route, export_path=path)


def test_what_is_not_there(filled):
    x, missing = other(filled, "x"), "Collection not found: x"
    x.fails(400, "there is no snapshot", "restore_collection", snapshot_path="none")
    x.fails(400, "there is no export", "import_collection", export_path="none")
    x.fails(404, missing, "snapshot_collection", snapshot_path="y")
    x.fails(404, missing, "export_collection", export_path="y")
    filled.fails(400, "snapshot_path", "snapshot_collection")
    filled.fails(400, "layout", "export_collection", export_path="y", layout="other")


def test_absolute_paths_where_allowed(own_server, collection_on, tmp_path):
    server = own_server("--snapshot-absolute-paths", "--snapshot-dir", str(tmp_path / "root"))
    c = collection_on(server, dim=4)
    fill(c)
    c.ok("snapshot_collection", snapshot_path=str(tmp_path / "abs" / "one"))
    assert (tmp_path / "abs/one/snapshot.json").exists()
    c.ok("snapshot_collection", snapshot_path="rel")
    assert (tmp_path / "root/rel/snapshot.json").exists()
    c.fails(400, "climb", "snapshot_collection", snapshot_path=str(tmp_path) + "/../x")
    type(c)(c.client, "d", "two").ok("restore_collection", snapshot_path=str(tmp_path / "abs/one"))


def test_snapshots_survive_kill(own_server, collection_on):
    server = own_server()
    c = collection_on(server, dim=4)
    fill(c)
    c.ok("snapshot_collection", snapshot_path="s")
    before = state(c)
    c.ok("delete", ids=list(range(ROWS)))
    server.kill()
    server.start()
    c = collection_on(server, dim=4)
    c.ok("restore_collection", snapshot_path="s", overwrite=True)
    assert state(c) == before
    server.stop()
