"""Drills and parts of backups by the server: their jobs, the timer, what the metrics say."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backups import VARVE, Backups, command, put, until


@pytest.fixture
def backups(tmp_path):
    """backups(*flags, …) -> Backups on the folder tmp_path/repo"""
    open_ones = []

    def start(*flags, repo=tmp_path / "repo", **more):
        open_ones.append(Backups(repo, *flags, **more))
        return open_ones[-1]

    yield start
    for one in reversed(open_ones):
        one.done()


def largest_blob(b):
    return max(Path(b.repo).glob("blobs/*/*"), key=os.path.getsize)


def scratch_left(b):
    folder = Path(b.server.folder, "backup")
    return [p.name for p in folder.iterdir() if p.name.startswith("varve-")]


# ---- drills


def test_drill(backups):
    b = backups()
    put(b.collection(), *range(1, 300))
    b.create()
    report = b.ok("backup/drill", wait=True)
    assert report["sound"] and report["rows"] == 299 and report["findings"] == []
    assert report["digests"] == 1 and report["golden"] == 5
    assert report["job"]["kind"] == "drill" and report["job"]["state"] == "done"
    drills = b.status()["drills"]
    assert drills["drills"] == 1 and drills["failures"] == 0 and drills["last_sound"] is True
    metrics = b.metrics()
    assert metrics["varve_drill_last_ok_timestamp"] > 1.7e9
    assert metrics["varve_drill_last_seconds"] > 0
    assert metrics["varve_drill_failures_total"] == 0
    assert scratch_left(b) == []


def test_drill_fails_loudly(backups, tmp_path):
    told = tmp_path / "told"
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ncat > {told}.tmp && mv {told}.tmp {told}\n")
    hook.chmod(0o700)
    b = backups("--backup-on-failure", f"exec:{hook}")
    put(b.collection(), 1, 2, 3)
    b.create()
    b.ok("backup/drill", wait=True)
    ok_at = b.metrics()["varve_drill_last_ok_timestamp"]
    blob = largest_blob(b)
    blob.rename(str(blob) + ".x")
    b.fails(500, blob.name, "backup/drill", wait=True)
    metrics = b.metrics()
    assert metrics["varve_drill_failures_total"] == 1
    assert metrics["varve_drill_last_ok_timestamp"] == ok_at
    assert b.status()["drills"]["last_sound"] is False
    until(told.exists)
    assert json.loads(told.read_text())["kind"] == "drill"
    assert scratch_left(b) == []
    # A restart remembers it.
    b.restart()
    assert b.metrics()["varve_drill_failures_total"] == 1
    command("backup", "drill", b.server.folder, "--repo", b.repo, code=1)


def test_drill_by_the_clock(backups):
    b = backups("--backup-drill-interval-s", "1")
    put(b.collection(), 1, 2, 3)
    assert b.metrics()["varve_drills_total"] == 0  # there is nothing to restore yet
    b.create()
    until(lambda: b.metrics()["varve_drills_total"] >= 2)
    assert {j["reason"] for j in b.get("backup/jobs")["jobs"] if j["kind"] == "drill"} >= {"first"}
    b.ok("backup/scheduler", enabled=False)


def test_drill_orders(backups):
    b = backups()
    put(b.collection(), 1)
    b.create()
    first = b.snapshots()[0]["snapshot"]
    put(b.collection(), 2)
    b.create()
    assert b.ok("backup/drill", wait=True, snapshot=first)["rows"] == 1
    for wrong in (
        {"snapshot": "x"},
        {"snapshot": first, "latest": True},
        {"to_lsn": -1},
        {"nonsense": 1},
        {"before_drop": True},
    ):
        b.fails(400, "", "backup/drill", wait=True, **wrong)


# ---- parts


def test_collection(backups):
    b = backups()
    c, other = b.collection(), b.collection("other")
    put(c, 1, 2, 3)
    put(other, 7)
    b.create()
    was, other_was = b.rows(), b.rows("other")
    put(c, 2, 4, word="b")
    c.ok("delete", ids=[1])
    now = b.rows()
    done = b.ok("backup/restore", wait=True, database="d", collection="c", to_collection="was")
    assert done["rows"] == 3
    assert b.rows("was") == was and b.rows() == now and b.rows("other") == other_was
    b.fails(409, "exists", "backup/restore", wait=True, database="d", collection="c")
    assert b.rows() == now
    b.ok("backup/restore", wait=True, database="d", collection="c", overwrite=True)
    assert b.rows() == was and b.rows("other") == other_was
    assert scratch_left(b) == []
    # It is as durable as any write.
    b.restart(kill=True)
    assert b.rows() == was and b.rows("was") == was
    # And the next backup has it.
    b.create()
    assert b.ok("backup/drill", wait=True)["collections"] == 3


def test_rows(backups):
    b = backups()
    c = b.collection()
    put(c, 1, 2, 3, 4)
    b.create()
    was = b.rows()
    c.ok("delete", ids=[1, 2])
    put(c, 3, 5, word="b")
    done = b.ok("backup/restore", wait=True, database="d", collection="c", ids=[1, 2, 3])
    assert done["rows"] == 3
    rows = b.rows()
    assert {i: rows[i] for i in (1, 2, 3, 4)} == was and 5 in rows
    before = b.rows()
    b.fails(404, "5", "backup/restore", wait=True, database="d", collection="c", ids=[1, 5])
    assert b.rows() == before
    done = b.ok(
        "backup/restore", wait=True, database="d", collection="c", ids=[1, 5], skip_missing=True
    )
    assert done["rows"] == 1 and done["rows_missing"] == 1


def test_damage_changes_nothing(backups):
    b = backups()
    put(b.collection(), *range(1, 50))
    b.create()
    was = b.rows()
    blob = largest_blob(b)
    blob.write_bytes(b"x")
    b.fails(
        500, blob.name, "backup/restore", wait=True, database="d", collection="c", to_collection="w"
    )
    assert b.rows() == was
    assert not b.client.post(
        "/is_collection_exists", {"database_name": "d", "collection_name": "w"}
    )[1]["params"]["exists"]


def test_restore_orders(backups):
    b = backups()
    put(b.collection(), 1)
    b.create()
    for wrong in (
        {},
        {"collection": 1},
        {"collection": "c", "ids": []},
        {"collection": "c", "ids": [-1]},
        {"collection": "c", "ids": [1], "overwrite": True},
        {"collection": "c", "nonsense": 1},
        {"collection": "c", "latest": True, "to_lsn": 1},
    ):
        b.fails(400, "", "backup/restore", wait=True, **wrong)
    b.fails(404, "never", "backup/restore", wait=True, collection="never")


# ---- the command, on a server


def doctor_of(url):
    """What it says when something is wrong."""
    done = subprocess.run([VARVE, "doctor", url], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done
    return done.stdout.decode()


def test_command(backups, tmp_path):
    b = backups()
    c = b.collection()
    put(c, 1, 2, 3)
    b.create()
    was = b.rows()
    c.ok("delete", ids=[1, 2])
    url = f"http://127.0.0.1:{b.server.port}"
    ids = tmp_path / "ids"
    ids.write_text("1\n2\n")
    said = command("backup", "restore-collection", url, "-d", "d", "-c", "c", "--ids", ids)
    assert "2 rows restored" in said
    assert b.rows() == was
    command("backup", "restore-collection", url, "-d", "d", "-c", "c", "--as", "w")
    assert b.rows("w") == was
    checks = json.loads(command("doctor", url, "--json"))["checks"]
    assert {x["what"]: x["state"] for x in checks}["last backup"] == "ok"
    b.ok("backup/drill", wait=True)
    checks = json.loads(command("doctor", url, "--json"))["checks"]
    assert {x["state"] for x in checks} == {"ok"}
    shutil.rmtree(b.repo)
    b.fails(500, "NOT_FOUND", "backup/drill", wait=True)
    assert "FAILED" in doctor_of(url)


def test_digests_of_large_collections(backups):
    b = backups("--backup-digest-bytes-max", "1", "--seal-rows", "50")
    c = b.collection()
    put(c, *range(1, 200))
    c.ok("checkpoint")
    b.create()  # the first one is full
    assert b.ok("backup/drill", wait=True)["digests"] == 1
    put(c, 500)
    b.create()
    assert b.ok("backup/drill", wait=True)["digests"] == 0
    put(c, 501)
    b.create(kind="full")
    assert b.ok("backup/drill", wait=True)["digests"] == 1
