"""When a server makes backups, what it does when they fail, and whom it tells."""

import http.server
import json
import subprocess
import threading
import time

import pytest

from backups import Restored, break_repository, mend_repository, put, until
from server import PROGRAM

EACH_SECOND = ("--no-compactor", "--no-backup-on-stop", "--backup-interval-s", "1")


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


# ---- failures


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
    until(lambda: all(b.job(i)["state"] == "failed" for i in ids))
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
    assert told["event"] == "backup_failed" and told["kind"] == "backup"
    assert told["status"] == "UNSUPPORTED"
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


