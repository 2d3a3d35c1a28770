"""Automatic backups: routes, schedule, state, hooks, and what becomes of them when servers end, are
killed, or cannot reach their repository."""

import http.server
import json
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from backups import QUIET, Backups, Restored, command, put, restore, until
from server import PROGRAM, ROOT, TIME_FACTOR, Server, free_port

sys.path.append(str(ROOT / "tests" / "s3"))
import s3_fake  # noqa: E402

UUID = "01234567-89ab-4cde-8f01-23456789abcd"
EACH_SECOND = ("--no-compactor", "--no-backup-on-stop", "--backup-interval-s", "1")


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
    assert not any(b"backup_" in line for line in client.request("GET", "/metrics")[2].split(b"\n"))
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
    assert b.get("backups?limit=1")["total"] == 4 and len(b.get("backups?limit=1")["snapshots"]) == 1
    one = b.get("backups/" + first["snapshot"])
    assert one["rows"] == 100 and one["kind"] == "full"
    assert one["collection_list"] == [{"database": "d", "name": "c", "rows": 100, "deleted": 0}]
    assert b.get("backups/latest")["sequence"] == third["sequence"]
    with Restored(b.repo, tmp_path / "r", "--snapshot", second["snapshot"]) as r:
        assert r.rows() == {i: {"v": "b" if i == 5 else "a"} for i in range(100)}
    with Restored(b.repo, tmp_path / "latest") as r:
        assert r.rows() == b.rows()


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
    ended = until(lambda: (lambda j: j if j["ended_ms"] else None)(b.get(f"backup/jobs/{job['id']}")["job"]))
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
    until(lambda: b.get(f"backup/jobs/{job}")["job"]["stage"] == "store")
    assert b.status()["running_job"] == job and b.status()["queued_jobs"] == 1
    assert b.ok(f"backup/jobs/{queued}/cancel")["job"]["state"] == "cancelled"
    b.ok(f"backup/jobs/{job}/cancel")
    until(lambda: b.get(f"backup/jobs/{job}")["job"]["state"] == "cancelled", 60)
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
    assert not b.status()["scheduler"]["enabled"] and b.metrics()["varve_backup_scheduler_enabled"] == 0
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


# ---- when


def test_by_interval(backups, tmp_path):
    b = backups(quiet=EACH_SECOND)
    c = b.collection()
    put(c, 1)
    until(lambda: b.status()["lag"] == 0 and b.snapshots())
    count = len(b.snapshots())
    time.sleep(2.5)  # nothing changed
    assert len(b.snapshots()) == count
    put(c, 2)
    until(lambda: b.status()["lag"] == 0)
    assert len(b.snapshots()) == count + 1
    reasons = {j["reason"] for j in b.get("backup/jobs")["jobs"]}
    assert reasons <= {"never", "interval"} and "interval" in reasons
    with Restored(b.repo, tmp_path / "r") as r:
        assert set(r.rows()) == {1, 2}


def test_changes_become_one_backup_at_the_end_of_the_window(backups):
    b = backups("--backup-on-change", "--backup-min-interval-s", "2")
    c = b.collection()
    put(c, 0)
    until(lambda: b.status()["lag"] == 0)
    count, began = len(b.snapshots()), time.monotonic()
    for i in range(1, 11):
        put(c, i)
        time.sleep(0.05)
    until(lambda: b.status()["lag"] == 0)
    assert time.monotonic() - began > 1  # not at the first of them
    assert len(b.snapshots()) == count + 1 and b.get("backups/latest")["rows"] == 11


def test_notifications_are_gathered_and_never_dropped(backups):
    b = backups("--backup-min-interval-s", "2")
    c = b.collection()
    put(c, 0)
    b.create()
    for i in range(1, 4):
        put(c, i)
        assert b.ok("backups/notify", 202) == {"notified": True}
    assert b.status()["scheduler"]["notified"] and len(b.snapshots()) == 1
    until(lambda: len(b.snapshots()) == 2)
    until(lambda: not b.status()["scheduler"]["notified"])
    time.sleep(0.5)
    assert len(b.snapshots()) == 2 and b.get("backups/latest")["rows"] == 4
    put(c, 9)
    b.ok("backups/notify", 202)
    b.restart(kill=True)  # also over this
    until(lambda: b.get("backups/latest")["rows"] == 5)


def test_requests_at_once_do_not_overlap(backups):
    b = backups()
    put(b.collection(), *range(100))
    answers = []

    def ask():
        client = b.server.client()
        answers.append(client.post("/admin/backups", {"wait": True})[1]["params"])
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({a["snapshot"] for a in answers}) == 1 == len(b.snapshots())
    assert sorted(a["skipped"] for a in answers) == [False] + [True] * 7
    spans = sorted((a["job"]["started_ms"], a["job"]["ended_ms"]) for a in answers)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:]))


def test_by_cron(backups):
    b = backups("--backup-cron", "59 23 31 12 *")
    s = b.status()["scheduler"]
    assert s["next_reason"] == "cron"
    at = time.localtime(s["next_ms"] / 1000)
    assert (at.tm_mon, at.tm_mday, at.tm_hour, at.tm_min) == (12, 31, 23, 59)


@pytest.mark.parametrize(
    ("flag", "value", "text"),
    [
        ("--backup-cron", "61 * * * *", "backup_cron: schedule '61 * * * *'"),
        ("--backup-on-failure", "rm -rf", "exec:/path"),
        ("--backup-interval-s", "-1", "backup_interval_s"),
    ],
)
def test_settings_are_checked(tmp_path, flag, value, text):
    import subprocess

    done = subprocess.run(
        [PROGRAM, "--data-dir", tmp_path / "d", "--port", "0", flag, value],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and text in done.stderr.decode()


@pytest.mark.parametrize("form", ["ini", "json"])
def test_a_section_of_the_file(own_server, tmp_path, form):
    path, repo = tmp_path / f"varve.{form}", str(tmp_path / "repo")
    if form == "ini":
        path.write_text(f"[backup]\nrepo = {repo}\ninterval_s = 0\n[server]\ncompactor = off\n")
    else:
        settings = {"compactor": False, "backup": {"repo": repo, "interval_s": 0}}
        path.write_text(json.dumps(settings))
    client = own_server("--config", str(path)).client()
    status = client.get("/admin/backup/status")["params"]
    assert status["repository"]["where"] == repo and status["scheduler"]["next_ms"] is None
    client.close()


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


# ---- failures


def break_repository(b):
    """Where snapshots and the lease lie, nothing can be read or written any more."""
    Path(b.repo, "db").rename(b.repo + ".gone")
    Path(b.repo, "db").write_text("no folder")


def mend_repository(b):
    Path(b.repo, "db").unlink()
    Path(b.repo + ".gone").rename(Path(b.repo, "db"))


def test_errors_are_returned_and_counted(backups):
    b = backups()
    c = b.collection()
    put(c, 1)
    b.create()
    put(c, 2)
    break_repository(b)
    for n in (1, 2):
        b.fails(503, b.repo, "backups", wait=True)
        s = b.status()
        assert s["consecutive_failures"] == n and b.repo in s["last_failure"]["message"]
        assert s["last_failure"]["status"] == "UNSUPPORTED"
    m = b.metrics()
    assert m["varve_backup_consecutive_failures"] == 2 == m["varve_backup_failures_total"]
    assert m["varve_backup_lag_writes"] > 0
    b.restart(kill=True)
    assert b.status()["consecutive_failures"] == 2 and b.status()["last_ok"]["sequence"] > 0
    mend_repository(b)
    b.create()
    s = b.status()
    assert s["consecutive_failures"] == 0 and s["failures"] == 2 and s["lag"] == 0
    assert b.metrics()["varve_backup_repository_reachable"] == 1


def test_failures_are_counted_once_each_from_many_threads(backups):
    b = backups()
    put(b.collection(), 1)
    b.create()
    put(b.collection(), 2)
    break_repository(b)
    ids = [b.ok("backups", 202)["job"]["id"] for _ in range(5)]
    until(lambda: all(b.get(f"backup/jobs/{i}")["job"]["state"] == "failed" for i in ids))
    assert b.status()["consecutive_failures"] == 5 == b.status()["failures"]
    mend_repository(b)


def test_a_failed_backup_is_tried_again(backups):
    b = backups("--backup-retry-s", "1", quiet=EACH_SECOND)
    c = b.collection()
    put(c, 1)
    until(b.snapshots)
    break_repository(b)
    put(c, 2)
    until(lambda: b.status()["consecutive_failures"] >= 2, 60)
    assert b.status()["scheduler"]["next_reason"] == "retry"
    mend_repository(b)
    until(lambda: b.status()["consecutive_failures"] == 0 and b.status()["lag"] == 0, 60)


def hook(tmp_path, body):
    path = tmp_path / "hook"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o700)
    return f"exec:{path}"


def test_a_program_is_told(backups, tmp_path):
    out = tmp_path / "told"
    b = backups("--backup-on-failure", hook(tmp_path, f"cat > {out}.new\nmv {out}.new {out}\n"))
    put(b.collection(), 1)
    b.create()
    assert not out.exists()
    put(b.collection(), 2)
    break_repository(b)
    b.fails(503, "", "backups", wait=True)
    told = json.loads(until(lambda: out.exists() and out.read_text()))
    assert [told["event"], told["kind"], told["status"]] == ["backup_failed", "backup", "UNSUPPORTED"]
    assert told["consecutive_failures"] == 1 and b.repo in told["error"]
    assert told["last_ok_snapshot"] == b.status()["last_ok"]["snapshot"]
    mend_repository(b)


def test_a_program_that_hangs_is_killed(backups, tmp_path):
    alive = tmp_path / "alive"
    body = f"sh -c 'sleep 3; touch {alive}' &\nsleep 60\n"
    flags = ["--backup-on-failure", hook(tmp_path, body), "--backup-on-failure-timeout-s", "1"]
    b = backups(*flags).until_connected()
    break_repository(b)
    b.fails(503, "", "backups", wait=True)
    until(lambda: [x for x in b.log_lines() if x["event"] == "backup_hook_failed"])
    mend_repository(b)
    b.create()  # the thread is free again
    time.sleep(3)
    assert not alive.exists()  # with all that it started


def test_an_address_is_told(backups):
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(204 if len(got) == 1 else 500)
            self.end_headers()

        def log_message(self, *ignored):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
    b = backups("--backup-on-failure", f"http://127.0.0.1:{listener.server_port}/x")
    b.until_connected()
    break_repository(b)
    for n in (1, 2):
        b.fails(503, "", "backups", wait=True)
        until(lambda n=n: len(got) == n)
    kind, told = got[1]
    assert kind == "application/json" and told["consecutive_failures"] == 2
    until(lambda: [x for x in b.log_lines() if x["event"] == "backup_hook_failed"])  # the 500
    mend_repository(b)
    listener.shutdown()
    listener.server_close()


# ---- ends and starts of servers


def test_a_last_backup_at_the_end(backups, tmp_path):
    b = backups(quiet=("--no-compactor", "--backup-interval-s", "0"))
    c = b.collection()
    put(c, 1)
    b.create()
    put(c, 2)
    assert b.stop() == 0
    listed = command("backup", "list", b.server.folder, "--repo", b.repo, "--json").splitlines()
    assert [json.loads(line)["rows"] for line in listed] == [1, 2]
    assert [x["reason"] for x in b.log_lines() if x.get("target") == "backup"] == ["asked", "stop"]
    with Restored(b.repo, tmp_path / "r") as r:
        assert set(r.rows()) == {1, 2}


def test_no_last_backup(backups):
    b = backups()
    c = b.collection()
    put(c, 1)
    b.create()
    put(c, 2)
    b.restart()
    assert len(b.snapshots()) == 1 and b.status()["lag"] > 0


def test_the_last_backup_is_bounded(backups):
    flags = ["--backup-rate", "5000", "--backup-stop-timeout-s", "1", "--backup-threads", "1"]
    b = backups(*flags, quiet=("--no-compactor", "--backup-interval-s", "0"))
    c = b.collection(dim=256)
    c.ok("add", ids=list(range(2000)), vectors=[[i % 97 + 0.5] * 256 for i in range(2000)])
    began = time.monotonic()
    assert b.stop() == 0
    assert time.monotonic() - began < 20 * TIME_FACTOR
    assert "job_cancelled" in [x["event"] for x in b.log_lines()]


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_goes_on_with_increments(backups, kill):
    b = backups()
    c = b.collection()
    put(c, *range(100))
    b.create()
    put(c, 100)
    b.restart(kill=kill)
    made = b.create()
    assert made["kind"] == "incremental" and made["timeline"] == 1
    assert b.status()["deltas_since_full"] == 1


def test_kill_in_the_middle_leaves_no_false_backup(backups):
    b = backups("--backup-rate", "100000", "--backup-threads", "1")
    c = b.collection(dim=256)
    c.ok("add", ids=list(range(150)), vectors=[[i % 97 + 0.5] * 256 for i in range(150)])
    job = b.ok("backups", 202)["job"]["id"]
    until(lambda: b.get(f"backup/jobs/{job}")["job"]["stage"] == "store")
    b.restart(kill=True)
    assert b.snapshots() == [] and b.status()["last_ok"] is None
    b.create()
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0
    assert not Path(b.server.folder, "backup/checkpoint").exists()


def test_a_damaged_state_is_forgotten(backups):
    b = backups()
    put(b.collection(), 1)
    b.create()
    b.client.close()
    b.server.stop()
    Path(b.server.folder, "backup/server.json").write_text('{"format":1}')
    b.server.start()
    b.connect()
    assert b.status()["last_ok"] is None
    assert b.create()["skipped"]  # the repository knows better
    assert "backup_state_forgotten" in [x["event"] for x in b.log_lines()]


def test_another_repository_begins_anew(backups, tmp_path):
    b = backups()
    c = b.collection()
    for i in range(2):
        put(c, i)
        b.create()
    b.client.close()
    b.server.stop()
    other = backups(repo=tmp_path / "other", folder=b.server.folder)
    assert other.create()["kind"] == "full"
    s = other.status()
    assert [s["backups"], s["deltas_since_full"]] == [1, 0]


# ---- repositories


def test_the_repository_comes_later(backups, tmp_path):
    port = free_port()
    fake = s3_fake.Fake()
    credentials = tmp_path / "credentials"
    access, secret, _ = fake.keys
    credentials.write_text(f"[default]\naws_access_key_id={access}\naws_secret_access_key={secret}\n")
    at = ["--backup-endpoint", f"http://127.0.0.1:{port}", "--backup-credentials", str(credentials)]
    b = backups(*at, repo="s3://bucket/some/prefix")
    put(b.collection(), 1)
    s = until(lambda: (lambda s: s if s["repository"]["error"] else None)(b.status()), 60)
    assert s["repository"]["lease"] == "away" and not s["repository"]["reachable"]
    assert b.metrics()["varve_backup_repository_reachable"] == 0
    store = s3_fake.serve(fake, port)
    until(lambda: b.status()["repository"]["lease"] == "held", 60)
    assert b.metrics()["varve_backup_repository_reachable"] == 1
    assert b.create()["kind"] == "full"
    put(b.collection(), 2)
    assert b.create()["kind"] == "incremental"
    assert b.ok("backup/verify", level="full", wait=True)["snapshots_sound"] == 2
    flags = ["--endpoint", at[1], "--credentials", at[3]]
    restore(b.repo, tmp_path / "r", *flags)
    secrets = (secret, "Signature=", "aws4_request")
    assert not [s for s in secrets if s in Path(b.server.log.name).read_text()]
    b.stop()
    fake.stopping.set()
    store.shutdown()
    store.server_close()


def test_with_a_key(backups, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(bytes(range(64)))
    b = backups("--backup-key-file", str(key))
    put(b.collection(), 1, word="findable-words")
    b.create()
    stored = b"".join(p.read_bytes() for p in Path(b.repo).rglob("*") if p.is_file())
    assert b"findable-words" not in stored
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0
    b.stop()
    key.write_bytes(b"x" * 64)
    b.server.start()
    b.connect()
    b.fails(503, "key", "backups", wait=True)
    assert b.status()["consecutive_failures"] == 1


def test_one_writer(backups, tmp_path):
    b = backups()
    put(b.collection(), 1)
    b.create()
    assert b.stop() == 0
    folder = tmp_path / "copy"
    shutil.copytree(b.server.folder, folder)
    b.server.start()
    b.connect()
    b.until_connected()
    twin = backups(folder=str(folder))
    put(twin.collection(), 2)
    twin.fails(409, "is written by", "backups", wait=True)
    assert twin.status()["repository"]["lease"] == "away"
    assert twin.create(take_over=True)["timeline"] == 2
    put(b.collection(), 3)
    b.fails(409, "lease", "backups", wait=True)
    b.fails(409, "was taken by", "backups", wait=True)
    assert b.status()["repository"]["lease"] == "lost" and b.metrics()["varve_backup_lease_held"] == 0
    assert twin.create()["skipped"]
    assert b.create(take_over=True)["timeline"] == 3


def test_the_command_beside_the_server(backups):
    b = backups()
    c = b.collection()
    put(c, 1)
    b.create()
    put(c, 2)
    command("backup", "create", b.server.folder, "--repo", b.repo)
    assert b.create()["skipped"] or len(b.snapshots()) == 2
    put(c, 3)
    until(lambda: b.post("backups", wait=True)[0] == 200)
    assert [s["timeline"] for s in b.snapshots()] == [1, 1, 1]
    assert b.status()["repository"]["lease"] == "held"


def test_a_folder_that_was_put_back(backups, tmp_path):
    b = backups()
    put(b.collection(), 1)
    b.create()
    b.client.close()
    b.server.stop()
    saved, acked = tmp_path / "saved", Path(b.server.folder, "ACKED")
    shutil.copytree(Path(b.server.folder, "rocks"), saved)
    floor = acked.read_bytes()
    b.server.start()
    b.connect()
    put(b.collection(), *range(2, 50))
    b.create()
    b.client.close()
    b.server.stop()
    shutil.rmtree(Path(b.server.folder, "rocks"))
    shutil.copytree(saved, Path(b.server.folder, "rocks"))
    acked.write_bytes(floor)
    b.server.start()
    b.connect()
    b.fails(409, "a new timeline has to begin", "backups", wait=True)
    assert b.create(new_timeline=True)["timeline"] == 2


def test_beside_an_owner_nothing_is_backed_up(backups):
    b = backups()
    put(b.collection(), 1)
    reader = Server("--read-only", "--backup-repo", b.repo, folder=b.server.folder)
    client = reader.client()
    assert client.get("/admin/backup/status")["params"] == {"configured": False}
    client.close()
    reader.stop()
    b.create()


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
