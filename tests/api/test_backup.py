"""Backups over HTTP: routes, jobs, kinds, retention, what operators see."""

import threading
import time
from pathlib import Path

from backups import Restored, put, until
from server import TIME_FACTOR

UUID = "01234567-89ab-4cde-8f01-23456789abcd"
EACH_SECOND = ("--no-compactor", "--no-backup-on-stop", "--backup-interval-s", "1")


def kinds(b):
    return [s["kind"] for s in b.snapshots()]


# ---- routes


def test_without_a_repository(own_server):
    client = own_server("--no-compactor").client()
    assert client.get("/admin/backup/status")["params"] == {"configured": False}
    for path in ("backups", "backups/notify", "backup/verify", "backup/prune"):
        status, answer = client.post("/admin/" + path, {})
        assert status == 400 and "backup_repo" in answer["error"]
    status, answer = client.post("/admin/backup/scheduler", {"enabled": True})
    assert status == 400 and "backup_repo" in answer["error"]
    for path in ("/admin/backups", f"/admin/backups/{UUID}", "/admin/backup/jobs"):
        assert client.request("GET", path)[0] == 400
    assert b"backup_" not in client.request("GET", "/metrics")[2].replace(b"/admin/backup_", b"")
    client.close()


def test_manual_backup(backups, tmp_path):
    b = backups()
    c = b.collection()
    put(c, *range(100))
    first = b.create()
    assert [first["skipped"], first["kind"], first["job"]["state"]] == [False, "full", "done"]
    again = b.create()
    assert again["skipped"] and again["snapshot"] == first["snapshot"]
    assert again["reason"] == f"no changes since sequence {first['sequence']}"
    put(c, 5, word="b")
    second = b.create(pinned=True)
    assert second["kind"] == "incremental" and second["files_stored"] < first["files_stored"]
    put(c, 6, word="c")
    assert b.create(kind="incremental")["kind"] == "incremental"
    third = b.create(kind="full")
    assert third["kind"] == "full"

    listed = b.snapshots()
    assert [s["snapshot"] for s in listed[:2]] == [first["snapshot"], second["snapshot"]]
    assert listed[1]["parent"] == first["snapshot"] and listed[1]["pinned"]
    page = b.get("backups?limit=1")
    assert page["total"] == 4 and len(page["snapshots"]) == 1
    one = b.get("backups/" + first["snapshot"])
    assert one["rows"] == 100 and one["kind"] == "full"
    assert one["collection_list"] == [{"database": "d", "name": "c", "rows": 100, "deleted": 0}]
    assert b.get("backups/latest")["sequence"] == third["sequence"]
    with Restored(b.repo, tmp_path / "r", "--snapshot", second["snapshot"]) as r:
        assert r.rows() == {i: {"v": "b" if i == 5 else "a"} for i in range(100)}
    with Restored(b.repo, tmp_path / "latest") as r:
        assert r.rows() == b.rows()


def test_each_kind_of_change_counts_and_reads_do_not(backups):
    b = backups()
    c = b.collection()
    changes = [
        lambda: put(c, 1, 2, 3, route="add"),
        lambda: put(c, 2, word="b"),
        lambda: c.ok("delete", ids=[3]),
        lambda: c.ok("restore", ids=[3]),
        lambda: b.collection("other"),
        lambda: b.collection("other").ok("drop_collection"),
        lambda: c.ok("update_collection_description", description="words"),
    ]
    b.create()
    for change in changes:
        change()
        assert not b.create()["skipped"]
        c.ok("search", vector=[1, 1])
        c.ok("query")
        assert b.create()["skipped"]
    assert len(b.snapshots()) == len(changes) + 1


def test_what_is_refused(backups):
    b = backups().until_connected()
    b.fails(400, "kind is auto, full or incremental", "backups", kind="delta")
    b.fails(400, "'everything' is not known", "backups", everything=True)
    b.fails(400, "wait must be true or false", "backups", wait=1)
    b.fails(400, "pinned must be", "backups", pinned="yes")
    b.fails(400, "class", "backups", **{"class": "x" * 40})
    b.fails(400, "level is", "backup/verify", level="some")
    b.fails(400, "share must be", "backup/verify", level="checksums", share=101)
    b.fails(400, "snapshot is an id", "backup/verify", snapshot="latest")
    b.fails(404, UUID, "backup/verify", snapshot=UUID, wait=True)
    b.fails(400, "keep_last must be", "backup/prune", keep_last=-1)
    b.fails(400, "dry_run must be", "backup/prune", dry_run=0)
    b.fails(400, "enabled must be", "backup/scheduler")
    b.fails(400, "id 'x' is no number", "backup/jobs/x/cancel")
    b.fails(404, "Job not found", "backup/jobs/7/cancel")
    get = lambda path: b.client.request("GET", "/admin/" + path)[0]  # noqa: E731
    assert [get("backup/jobs/7"), get("backups/x"), get("backups/" + UUID)] == [404, 400, 404]
    assert [get("backups?limit=0"), get("backups/latest")] == [400, 404]
    assert b.get("backups") == {"total": 0, "snapshots": []}


def test_jobs(backups):
    b = backups()
    put(b.collection(), 1, 2)
    job = b.ok("backups", 202)["job"]
    assert job["kind"] == "backup" and job["state"] in ("queued", "running") and not job["result"]
    until(lambda: b.job(job["id"])["ended_ms"])
    ended = b.job(job["id"])
    assert [ended["state"], ended["reason"], ended["error"]] == ["done", "asked", None]
    assert ended["result"]["kind"] == "full"
    assert ended["asked_ms"] <= ended["started_ms"] <= ended["ended_ms"]
    assert ended["files"] == ended["files_all"] > 0 and ended["bytes"] == ended["bytes_all"] > 0
    assert [j["id"] for j in b.get("backup/jobs")["jobs"]] == [job["id"]]
    assert b.ok(f"backup/jobs/{job['id']}/cancel")["job"]["state"] == "done"
    b.restart()
    assert b.create()["job"]["id"] > job["id"]


def test_a_job_is_cancelled(backups):
    b = backups("--backup-rate", "20000", "--backup-threads", "1")
    c = b.collection(dim=256)
    c.ok("add", ids=list(range(2000)), vectors=[[i % 97 + 0.5] * 256 for i in range(2000)])
    job = b.ok("backups", 202)["job"]["id"]
    queued = b.ok("backup/verify", 202)["job"]["id"]
    until(lambda: b.job(job)["stage"] == "store")
    assert b.status()["running_job"] == job and b.status()["queued_jobs"] == 1
    assert b.ok(f"backup/jobs/{queued}/cancel")["job"]["state"] == "cancelled"
    b.ok(f"backup/jobs/{job}/cancel")
    until(lambda: b.job(job)["state"] == "cancelled", 60)
    s = b.status()
    assert s["consecutive_failures"] == 0 and s["last_ok"] is None and b.snapshots() == []


def test_verify(backups):
    b = backups()
    put(b.collection(), *range(50))
    made = b.create()
    for level in ("structure", "checksums", "full"):
        got = b.ok("backup/verify", level=level, wait=True)
        assert got["snapshots_sound"] == got["snapshots"] == 1 and got["findings"] == 0
    assert b.ok("backup/verify", level="checksums", share=50, snapshot=made["snapshot"], wait=True)
    blob = max(Path(b.repo, "blobs").glob("*/*"), key=lambda p: p.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(bytes(data))
    assert b.ok("backup/verify", wait=True)["findings"] == 0  # sizes alone
    b.fails(500, blob.name, "backup/verify", level="checksums", wait=True)
    (job,) = [j for j in b.get("backup/jobs")["jobs"] if j["state"] == "failed"]
    assert job["result"]["findings"] == 1 and blob.name in job["result"]["messages"][0]
    blob.unlink()
    b.fails(500, blob.name, "backup/verify", wait=True)


def test_prune(backups):
    b = backups()
    c = b.collection()
    for i in range(4):
        put(c, i)
        b.create(kind="full", pinned=i == 0)
    at_once = {"keep_last": 1, "grace_s": 0, "wait_s": 0, "wait": True}
    told = b.ok("backup/prune", **at_once)
    assert told["dry_run"] and told["snapshots_gone"] == 2 and len(b.snapshots()) == 4
    why = [s["why"] for s in told["snapshots"]]
    assert "pinned" in why[0] and [why[1], why[2]] == ["", ""] and "last" in why[3]
    assert b.ok("backup/prune", wait=True)["snapshots_gone"] == 0  # no rule: all stay
    done = b.ok("backup/prune", dry_run=False, **at_once)
    assert not done["dry_run"] and done["objects_gone"] > 0 and len(b.snapshots()) == 2
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0


def test_scheduler_is_switched(backups):
    b = backups(quiet=EACH_SECOND)
    put(b.collection(), 1)
    until(b.snapshots)
    for _ in range(2):
        assert b.ok("backup/scheduler", enabled=False) == {"enabled": False}
    count = len(b.snapshots())
    put(b.collection(), 2)
    time.sleep(2)
    assert len(b.snapshots()) == count and not b.status()["scheduler"]["enabled"]
    assert b.status()["scheduler"]["next_ms"] is None
    b.restart()
    assert not b.status()["scheduler"]["enabled"]
    assert b.metrics()["varve_backup_scheduler_enabled"] == 0
    b.ok("backup/scheduler", enabled=True)
    until(lambda: len(b.snapshots()) > count)


def test_starts_and_stops_from_many_threads(backups):
    b = backups(quiet=EACH_SECOND).until_connected()
    answers = []

    def switch(on):
        client = b.server.client()
        for _ in range(20):
            answers.append(client.post("/admin/backup/scheduler", {"enabled": on})[0])
        client.close()

    threads = [threading.Thread(target=switch, args=(i % 2 == 0,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [200] * 80
    b.ok("backup/scheduler", enabled=True)
    put(b.collection(), 1)
    until(b.snapshots)


# ---- kinds, retention


def test_full_after_so_many_increments(backups):
    b = backups("--backup-max-deltas-before-full", "2")
    for i in range(6):
        put(b.collection(), i)
        b.create()
        if i == 2:
            assert b.status()["deltas_since_full"] == 2
            b.restart(kill=True)
    assert kinds(b) == ["full", "incremental", "incremental"] * 2


def test_without_increments(backups):
    b = backups("--no-backup-incremental")
    c = b.collection()
    for i in range(2):
        put(c, i)
        b.create()
    assert kinds(b) == ["full"] * 2
    assert b.create()["skipped"]


def test_retention_is_applied(backups):
    at_once = ["--backup-prune-interval-s", "0", "--backup-prune-grace-s", "0"]
    b = backups("--backup-prune", "--backup-keep-last", "2", *at_once, "--backup-prune-wait-s", "0")
    c = b.collection()
    b.create(pinned=True)
    for i in range(4):
        put(c, i)
        b.create()
    until(lambda: len(b.snapshots()) == 3)
    assert [s["pinned"] for s in b.snapshots()] == [True, False, False]
    prunes = [j for j in b.get("backup/jobs")["jobs"] if j["kind"] == "prune"]
    assert prunes and all(j["reason"] == "retention" for j in prunes)
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0


# ---- what operators see


def test_metrics_status_and_audit(backups):
    b = backups()
    put(b.collection(), *range(100))
    made = b.create()
    m, s = b.metrics(), b.status()
    assert abs(m["varve_backup_last_ok_timestamp_seconds"] - time.time()) < 60 * TIME_FACTOR
    assert m["varve_backup_bytes_uploaded_total"] == made["bytes_stored"] == s["bytes_stored"] > 0
    assert m["varve_backup_last_duration_seconds"] > 0 and m["varve_backup_lease_held"] == 1
    assert m['varve_backup_jobs_total{outcome="done"}'] == 1 == m["varve_backup_snapshots_total"]
    assert m["varve_backup_deltas_since_full"] == 0 == m["varve_backup_lag_writes"] == s["lag"]
    assert s["last_ok"]["snapshot"] == made["snapshot"] and s["last_ok"]["kind"] == "full"
    assert s["repository"]["where"] == b.repo and s["repository"]["timeline"] == 1
    put(b.collection(), 1)
    assert b.metrics()["varve_backup_lag_writes"] == b.status()["lag"] > 0
    b.ok("backup/prune", wait=True)
    b.stop()
    audit = [x for x in b.log_lines() if x["target"] == "audit" and "job" in x]
    assert [(x["action"], x["outcome"]) for x in audit] == [("backup", "done"), ("prune", "done")]
    assert audit[0]["snapshot"] == made["snapshot"]


def test_backups_under_writes_are_consistent(backups, tmp_path):
    """Two collections are always written in one order: no snapshot has the second without the
    first, and all verify."""
    b = backups("--backup-on-change", "--backup-min-interval-s", "0")
    first, second = b.collection("first"), b.collection("second")
    ending, written = threading.Event(), []

    def write():
        client = b.server.client()
        one, two = (type(first)(client, "d", name) for name in ("first", "second"))
        for i in range(10000):
            if ending.is_set():
                break
            put(one, i)
            put(two, i)
            written.append(i)
        client.close()

    thread = threading.Thread(target=write)
    thread.start()
    until(lambda: len(b.snapshots()) >= 3, 60)
    ending.set()
    thread.join()
    until(lambda: b.status()["lag"] == 0)
    snapshots = b.snapshots()
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0
    assert len({s["snapshot"] for s in snapshots}) == len(snapshots)
    for i, s in enumerate((snapshots[len(snapshots) // 2], snapshots[-1])):
        with Restored(b.repo, tmp_path / f"r{i}", "--snapshot", s["snapshot"]) as r:
            one, two = len(r.rows("first")), len(r.rows("second"))
            assert one - two in (0, 1)
    assert two == len(written)
    assert second.ok("collection_shape")["shape"][0] == len(written)
