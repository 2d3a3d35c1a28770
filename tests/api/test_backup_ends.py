"""What becomes of backups when servers end, are killed, or lose their repository."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from backups import Restored, command, put, restore, until
from server import ROOT, TIME_FACTOR, Server, free_port

sys.path.append(str(ROOT / "tests" / "s3"))
import s3_fake  # noqa: E402


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
    until(lambda: b.job(job)["stage"] == "store")
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
    words = f"aws_access_key_id={access}\naws_secret_access_key={secret}\n"
    credentials.write_text("[default]\n" + words)
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
    assert b.status()["repository"]["lease"] == "lost"
    assert b.metrics()["varve_backup_lease_held"] == 0
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


