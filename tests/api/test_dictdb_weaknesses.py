"""What DictDB's backups are known to lose, one test each: the same steps, and nothing is lost."""

import json
import os
import shutil
import threading
import time
from pathlib import Path

from backups import Restored, break_repository, mend_repository, put, restore, until
from server import SANITIZED, TIME_FACTOR


def values(rows):
    return {row: fields["v"] for row, fields in rows.items()}


def test_1_increments_before_the_full_one_are_not_applied(backups, tmp_path):
    """There: increments older than the full one were applied over it; deleted rows came back."""
    b = backups()
    c = b.collection()
    put(c, 1, 2, word="a")
    b.create()
    put(c, 1, word="b")
    put(c, 3, word="b")
    assert b.create()["kind"] == "incremental"
    put(c, 1, word="c")
    c.ok("delete", ids=[3])
    assert b.create(kind="full")["kind"] == "full"
    with Restored(b.repo, tmp_path / "r") as r:
        assert values(r.rows()) == {1: "c", 2: "a"} == values(b.rows())


def test_2_the_first_increment_has_a_base(backups, tmp_path):
    """There: with increments on, the first backup was an increment of nothing."""
    b = backups()
    put(b.collection(), 1, 2)
    assert b.create(kind="incremental")["kind"] == "full"
    with Restored(b.repo, tmp_path / "r") as r:
        assert set(r.rows()) == {1, 2}


def test_3_changes_during_a_backup_are_in_the_next(backups, tmp_path):
    """There: what changed between collecting and clearing the marks was lost for ever."""
    b = backups()
    c = b.collection()
    put(c, 0)
    ending, done = threading.Event(), []

    def write():
        client = b.server.client()
        mine = type(c)(client, "d", "c")
        for i in range(1, 100000):
            if ending.is_set():
                break
            put(mine, i)
            done.append(i)
        client.close()

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(5):
        b.create()
    ending.set()
    thread.join()
    b.create()
    assert done
    with Restored(b.repo, tmp_path / "r") as r:
        assert set(r.rows()) == {0, *done}


def test_4_collections_made_and_dropped_after_the_base(backups, tmp_path):
    """There: tables made after the base were left out in silence, and drops not recorded."""
    b = backups()
    put(b.collection("old"), 1)
    b.create()
    put(b.collection("new"), 2)
    b.collection("old").ok("drop_collection")
    assert b.create()["kind"] == "incremental"
    with Restored(b.repo, tmp_path / "r") as r:
        shown = r.client.post("/show_collections", {"database_name": "d"})[1]["params"]
        assert shown["collections"] == ["new"]
        assert set(r.rows("new")) == {2}


def test_5_numbering_goes_on_after_a_restore(backups, tmp_path):
    """There: the next automatic key after a restore was one in use, and its row was overwritten."""
    b = backups()
    c = b.collection()
    for i in range(3):
        c.raw_ok("bulk_add_binary", bytes(8), dim=2, n_vectors=1)
    c.ok("delete", ids=[c.ok("max_id")["max_id"]])
    b.create()
    before = b.rows()
    with Restored(b.repo, tmp_path / "r") as r:
        again = r.collection()
        added = again.raw_ok("bulk_add_binary", bytes(8), dim=2, n_vectors=1, return_ids=True)
        assert added["ids"] == [3]
        assert set(r.rows()) == {*before, 3}
        assert {i: v for i, v in r.rows().items() if i in before} == before


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_6_a_failed_backup_leaves_the_last_one(backups, tmp_path):
    """There: a save that failed left half a file with the newest name, and restores took it."""
    b = backups("--backup-rate", "100000", "--backup-threads", "1")
    c = b.collection(dim=256)
    vectors = [[i % 97 + 0.5] * 256 for i in range(200)]
    c.ok("add", ids=[1], vectors=vectors[:1], fields=[{"v": "a"}])
    first = b.create()
    c.ok("upsert", ids=list(range(200)), vectors=vectors, fields=[{"v": "b"}] * 200)
    job = b.ok("backups", 202)["job"]["id"]
    until(lambda: b.job(job)["stage"] == "store")
    b.restart(kill=True)
    assert [s["snapshot"] for s in b.snapshots()] == [first["snapshot"]]
    with Restored(b.repo, tmp_path / "r") as r:
        assert values(r.rows()) == {1: "a"}
    # And one whose bytes were cut later is found, named and not restored.
    b.create()
    newest = b.get("backups/latest")["snapshot"]
    (manifest,) = Path(b.repo).glob(f"db/*/tl/*/snap/*-{newest}.json")
    cut_in_half(manifest)
    assert newest in restore(b.repo, tmp_path / "bad", "--snapshot", newest, code=1)
    assert not (tmp_path / "bad").exists()
    b.fails(500, newest, "backup/verify", wait=True)
    restore(b.repo, tmp_path / "good", "--snapshot", first["snapshot"])


def test_7_what_is_no_number_is_refused_not_backed_up(backups, tmp_path):
    """There: NaN was written as JSON that nothing reads, and counted as a success."""
    b = backups()
    c = b.collection()
    put(c, 1)
    row = b'"ids":[2],"vectors":[[1,1]],"fields":[{"v":%s}]}'
    body = b'{"database_name":"d","collection_name":"c",' + row
    json_type = {"Content-Type": "application/json"}
    for word in (b"NaN", b"Infinity", b"1e999"):
        assert b.client.request("POST", "/add", body % word, json_type)[0] == 400
    tricky = {"v": "\ud7ff \U0001f600 \" \\", "n": [1e308, -0.0, 2**53, None, {"a": {}}]}
    c.ok("add", ids=[3], vectors=[[1, 1]], fields=[tricky])
    b.create()
    assert b.ok("backup/verify", level="full", wait=True)["findings"] == 0
    with Restored(b.repo, tmp_path / "r") as r:
        assert r.rows() == b.rows() and r.rows()[3] == tricky


def test_8_start_and_stop_as_often_as_one_likes(backups, tmp_path):
    """There: a second start, or a stop without start, failed; stopping took no last backup."""
    b = backups(quiet=("--no-compactor", "--backup-interval-s", "3600"))
    for enabled in (False, False, True, True, False):
        assert b.ok("backup/scheduler", enabled=enabled) == {"enabled": enabled}
    put(b.collection(), 1)
    assert b.stop() == 0
    with Restored(b.repo, tmp_path / "r") as r:
        assert set(r.rows()) == {1}


def test_9_sums_retention_encryption_permissions(backups, tmp_path):
    """There: none of them."""
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    b = backups("--backup-key-file", str(key))
    c = b.collection()
    for i in range(3):
        put(c, i, word="plain-text-in-a-row")
        b.create()
    files = [p for p in Path(b.repo).rglob("*") if p.is_file()]
    assert {oct(p.stat().st_mode & 0o777) for p in files} == {"0o600"}
    assert not any(b"plain-text-in-a-row" in p.read_bytes() for p in files)
    gone = b.ok("backup/prune", dry_run=False, keep_last=1, grace_s=0, wait_s=0, wait=True)
    assert gone["snapshots_gone"] == 2
    assert b.ok("backup/verify", level="full", wait=True)["snapshots_sound"] == 1
    assert "passphrase or key file" in restore(b.repo, tmp_path / "no-key", code=1)
    blob = max(Path(b.repo, "blobs").glob("*/*"), key=lambda p: p.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(bytes(data))
    said = restore(b.repo, tmp_path / "damaged", "--key-file", key, code=1)
    assert blob.name in said and not (tmp_path / "damaged").exists()


def test_10_order_is_that_of_sequence_numbers(backups, tmp_path):
    """There: names held the time of a clock, and a step back reordered the chain."""
    b = backups()
    c = b.collection()
    made = []
    for i in range(3):
        put(c, 1, word=str(i))
        made.append(b.create())
    names = sorted(p.name for p in Path(b.repo).glob("db/*/tl/*/snap/*.json"))
    assert names == [f"{m['sequence']:020}-{m['snapshot']}.json" for m in made]
    # The files' own times tell nothing, either.
    for i, path in enumerate(sorted(Path(b.repo).glob("db/*/tl/*/snap/*.json"))):
        os.utime(path, (10**9 - i, 10**9 - i))
    with Restored(b.repo, tmp_path / "r") as r:
        assert values(r.rows()) == {1: "2"}


def test_11_many_who_notify_at_once_make_one_backup(backups):
    """There: a race between looking and acting made two."""
    b = backups("--backup-min-interval-s", "2")
    put(b.collection(), 1)
    b.create()
    put(b.collection(), 2)
    barrier = threading.Barrier(16)

    def notify():
        client = b.server.client()
        barrier.wait()
        assert client.post("/admin/backups/notify", {})[0] == 202
        client.close()

    threads = [threading.Thread(target=notify) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    until(lambda: len(b.snapshots()) == 2)
    time.sleep(2.5 if not SANITIZED else 2.5 * TIME_FACTOR)
    assert len(b.snapshots()) == 2
    jobs = [j for j in b.get("backup/jobs")["jobs"] if j["reason"] == "notified"]
    assert len(jobs) == 1


def test_12_counters_survive_the_process(backups):
    """There: failures and increments were counted in memory only."""
    b = backups()
    for i in range(3):
        put(b.collection(), i)
        b.create()
    put(b.collection(), 3)
    break_repository(b)
    for _ in range(2):
        b.fails(503, "", "backups", wait=True)
    kept = ["backups", "failures", "consecutive_failures", "deltas_since_full", "last_ok"]
    kept.append("last_failure")
    before = {key: b.status()[key] for key in kept}
    assert [before["consecutive_failures"], before["deltas_since_full"]] == [2, 2]
    b.restart(kill=True)
    assert {key: b.status()[key] for key in kept} == before
    mend_repository(b)


# ---- the rest of what DictDB's own tests ask of backups


def test_a_repository_that_cannot_be_written(backups, tmp_path):
    """A file in the way, and names that are no repository: told, and nothing is made."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    b = backups(repo=blocked / "repo")
    put(b.collection(), 1)
    b.fails(503, "file", "backups", wait=True)
    assert b.status()["repository"]["lease"] == "away" and blocked.read_text() == "in the way"


def test_restores_of_what_is_no_repository(tmp_path):
    to = tmp_path / "r"
    assert "none" in restore(tmp_path / "none", to, code=1)
    (tmp_path / "empty").mkdir()
    assert "no repository" in restore(tmp_path / "empty", to, code=1)
    for text in ("", "{", "null", "[]", '{"format": 99}', "\x80\x04."):
        repo = tmp_path / "repo"
        repo.mkdir()
        (repo / "repo.json").write_bytes(text.encode("latin-1"))
        assert restore(repo, to, code=1)
        assert not to.exists()
        shutil.rmtree(repo)


def test_restores_do_not_climb(backups, tmp_path):
    """Paths in a manifest are not believed: one that was changed does not check out."""
    b = backups()
    put(b.collection(), 1)
    b.create()
    (path,) = Path(b.repo).glob("db/*/tl/*/snap/*.json")
    manifest = json.loads(path.read_text())
    manifest["files"][0]["path"] = "../../escaped"
    path.write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")))
    restore(b.repo, tmp_path / "deep" / "r", code=1)
    assert not list(tmp_path.rglob("escaped*"))


def test_a_restore_never_touches_a_folder_that_exists(backups, tmp_path):
    b = backups()
    put(b.collection(), 1)
    b.create()
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine").write_text("kept")
    restore(b.repo, there, code=1)
    assert [p.name for p in there.iterdir()] == ["mine"]


def test_snapshots_have_names_of_their_own_under_load(backups):
    b = backups("--backup-on-change", "--backup-min-interval-s", "0")
    c = b.collection()
    for i in range(30):
        put(c, i)
    until(lambda: b.status()["lag"] == 0)
    listed = b.snapshots()
    assert len({s["snapshot"] for s in listed}) == len(listed) > 0
    sequences = [s["sequence"] for s in listed]
    assert sequences == sorted(set(sequences))
    assert sum(s["rows"] for s in listed[-1:]) == 30
