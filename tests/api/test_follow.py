"""Replicas that follow a server through its repository: what they show and refuse, how old it is,
and their promotion."""

import json
import subprocess
import threading
import time

import pytest
from server import PROGRAM, TIME_FACTOR, Server
from test_ship import Shipping, metric, send

VARVE = PROGRAM.removesuffix("varve-gateway") + "varve"
FAST = (
    *("--follow-poll-ms", "50", "--follow-refresh-ms", "20"),
    *("--follow-wait-ms", str(20000 * TIME_FACTOR), "--no-compactor"),
)


def until(check, seconds=30):
    end = time.monotonic() + seconds * TIME_FACTOR
    while not (got := check()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return got


class Follower:
    def __init__(self, own_server, repo, *flags):
        self.server = own_server("--follow", str(repo), *FAST, *flags)
        self.connect()

    def connect(self):
        self.client = self.server.client()

    def status(self):
        return self.client.get("/admin/follow")["params"]

    def wait(self, **expected):
        def check():
            got = self.status()
            return got if all(got[k] == v for k, v in expected.items()) else None

        return until(check)

    def read(self, c, route, body=None, **headers):
        """(status, headers, parsed answer) of a read of c's collection here"""
        told = {"Content-Type": "application/json", **headers}
        data = json.dumps({**c.names, **(body or {})}).encode()
        status, answered, data = self.client.request("POST", "/" + route, data, told)
        return status, answered, json.loads(data)

    def shape(self, c, **headers):
        status, answered, data = self.read(c, "collection_shape", **headers)
        assert status == 200, data
        return data["params"]["shape"][0], answered

    def promote(self, **body):
        return self.client.post("/admin/promote", body)


@pytest.fixture
def shipping(own_server, collection_on, tmp_path):
    return lambda *flags: Shipping(
        own_server, collection_on, tmp_path / "repo", "--ship-interval-ms", "20", *flags
    )


@pytest.fixture
def follow(own_server, tmp_path):
    return lambda *flags: Follower(own_server, tmp_path / "repo", *flags)


def restart(primary):
    if primary.server.process.poll() is None:
        assert primary.server.stop() == 0
    primary.server.start()
    primary.client = primary.c.client = primary.server.client()
    until(lambda: primary.status()["phase"] != "waiting")


def min_lsn(n):
    return {"X-Min-LSN": str(n)}


def test_reads_what_was_written(shipping, follow):
    primary = shipping()
    _, lsn, _ = primary.add()
    f = follow()
    f.wait(state="following")
    for _ in range(20):
        _, lsn, _ = primary.add()
        rows, headers = f.shape(primary.c, **min_lsn(lsn))
        assert rows == primary.next_id
        assert int(headers["X-Applied-LSN"]) >= lsn
        assert int(headers["X-Staleness-Ms"]) < 20000 * TIME_FACTOR
    status, _, answer = f.read(primary.c, "search", {"vector": [0, 1], "k": 2})
    assert status == 200
    assert answer["params"]["items"] == primary.c.ok("search", vector=[0, 1], k=2)["items"]
    got = f.status()
    assert got["applied_lsn"] == got["shown_lsn"] >= lsn and got["timeline"] == 1
    assert got["rebootstraps"] == 0 and got["refreshes"] >= 1 and got["last_error"] is None
    assert metric(f.client, "follow_applied_lsn") >= lsn
    assert metric(f.client, "follow_lag_seconds") < 20 * TIME_FACTOR
    assert metric(f.client, 'follow_state{state="following"}') == 1
    assert metric(f.client, "follow_rebootstraps_total") == 0


def test_writes_are_refused(shipping, follow):
    primary = shipping()
    f = follow()
    f.wait(state="following")
    for route in ("add", "drop_collection", "delete", "compact", "snapshot_collection", "flush"):
        status, _, answer = f.read(primary.c, route, {"ids": [1], "vectors": [[1, 0]]})
        assert (status, answer["code"]) == (403, "read_only"), route
        assert "read-only replica" in answer["error"]
    status, _, data = f.client.binary("/bulk", b'{"id":2,"vector":[0,1]}\n', **primary.c.names)
    assert status == 403 and json.loads(data)["code"] == "read_only"
    assert f.client.request("GET", "/readyz")[0] == 200


def test_a_sequence_that_is_not_there_yet(shipping, follow):
    primary = shipping()
    _, lsn, _ = primary.add()
    f = follow("--follow-wait-ms", "300")
    f.wait(state="following")
    began = time.monotonic()
    status, headers, answer = f.read(primary.c, "head", **min_lsn(lsn + 10**6))
    assert (status, answer["code"]) == (412, "lsn_not_reached")
    assert time.monotonic() - began >= 0.3
    assert int(headers["X-Applied-LSN"]) >= lsn
    for wrong in ("", "-1", "x", "1" * 30):
        status, _, answer = f.read(primary.c, "head", **{"X-Min-LSN": wrong})
        assert (status, answer["code"]) == (400, "invalid_argument"), wrong
    # A writer has what it wrote, and never waits.
    assert send(primary.c, "head", {}, min_lsn(lsn))[0] == 200
    assert send(primary.c, "head", {}, min_lsn(lsn + 10**6))[0] == 412


def test_many_wait_and_none_holds_a_thread(shipping, follow):
    primary = shipping("--ship-interval-ms", "300")
    f = follow("--follow-wait-ms", "20000")
    f.wait(state="following")
    primary.add()
    ahead = primary.status()["written_lsn"] + 3
    got = []

    def ask():
        client = f.server.client()
        told = {"Content-Type": "application/json", **min_lsn(ahead)}
        body = json.dumps(primary.c.names).encode()
        got.append(client.request("POST", "/collection_shape", body, told)[0])
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for t in threads:
        t.start()
    until(lambda: f.status()["waiting"] == 20)
    # More wait than there are threads for reads.
    assert f.client.request("GET", "/list_databases")[0] == 200
    while primary.status()["written_lsn"] < ahead:
        primary.add()
    for t in threads:
        t.join()
    assert got == [200] * 20


def test_before_there_is_anything(own_server, tmp_path, collection_on):
    (tmp_path / "repo").mkdir()
    f = Follower(own_server, tmp_path / "repo")
    got = until(lambda: f.status() if f.status()["last_error"] else None)
    assert got["state"] == "bootstrap" and got["lag_ms"] is None
    assert f.client.request("GET", "/healthz")[0] == 200
    assert f.client.request("GET", "/readyz")[0] == 503
    assert f.client.request("GET", "/metrics")[0] == 200
    for route in ("/list_databases", "/jobs", "/compaction"):
        status, _, data = f.client.request("GET", route)
        assert (status, json.loads(data)["code"]) == (503, "replica_bootstrapping"), route
    assert f.promote()[0] == 409
    primary = Shipping(own_server, collection_on, tmp_path / "repo")
    f.wait(state="following")
    _, lsn, _ = primary.add()
    assert f.shape(primary.c, **min_lsn(lsn))[0] == 1


def test_a_folder_of_somebody_else(tmp_path):
    folder = str(tmp_path / "data")
    Server(folder=folder).done()
    with pytest.raises(AssertionError, match="data of its own"):
        Server("--follow", str(tmp_path / "repo"), folder=folder)


def test_goes_on_where_it_was(shipping, follow, tmp_path):
    primary = shipping()
    f = follow()
    f.wait(state="following")
    for kill in (False, True, True):
        _, lsn, _ = primary.add()
        f.shape(primary.c, **min_lsn(lsn))
        f.server.kill() if kill else f.server.stop()
        primary.add()
        _, lsn, _ = primary.add()
        f.server.start()
        f.connect()
        assert f.shape(primary.c, **min_lsn(lsn))[0] == primary.next_id
        assert f.status()["rebootstraps"] == 0
    # What is there is shown also while the repository is away; how old it is nobody knows.
    f.server.stop()
    primary.server.kill()  # it would make the folder again
    (tmp_path / "repo").rename(tmp_path / "away")
    f.server.start()
    f.connect()
    rows, headers = until(lambda: f.status()["state"] == "following" and f.shape(primary.c))
    assert rows == primary.next_id and headers["X-Staleness-Ms"] is None
    (tmp_path / "away").rename(tmp_path / "repo")


def test_staleness(shipping, follow, tmp_path):
    primary = shipping()
    f = follow("--follow-max-staleness-ms", str(1500 * TIME_FACTOR))
    f.wait(state="following")
    _, lsn, _ = primary.add()
    f.shape(primary.c, **min_lsn(lsn))
    primary.server.kill()  # it would make the folder again
    (tmp_path / "repo" / "db").rename(tmp_path / "away")
    f.wait(state="stale")
    status, headers, answer = f.read(primary.c, "head")
    assert (status, answer["code"]) == (503, "replica_stale")
    assert int(headers["X-Applied-LSN"]) >= lsn
    assert int(headers["X-Staleness-Ms"]) > 1500 * TIME_FACTOR
    assert f.client.request("GET", "/readyz")[0] == 503
    (tmp_path / "away").rename(tmp_path / "repo" / "db")
    f.wait(state="following")
    assert f.shape(primary.c)[0] == primary.next_id


def test_a_session_past_the_log(shipping, follow):
    primary = shipping("--session-memory-max", "2000")
    f = follow("--follow-bridge-ms", "200")
    f.wait(state="following")
    lines = b"".join(b'{"id":%d,"vector":[0,1]}\n' % i for i in range(1000, 1400))
    status, headers, _ = primary.c.raw("bulk", lines)
    assert status == 200
    assert f.shape(primary.c, **min_lsn(headers["X-LSN"]))[0] == 400
    assert f.status()["rebootstraps"] >= 1
    _, lsn, _ = primary.add()
    assert f.shape(primary.c, **min_lsn(lsn))[0] == 401


def test_reads_go_on_while_the_folder_changes(shipping, follow):
    """Searches see whole states: a write of two rows is seen with both or none."""
    primary = shipping("--seal-rows", "64", "--seal-rows-min", "8")
    f = follow()
    f.wait(state="following")
    primary.add()
    seen, wrong, stop = [], [], threading.Event()

    def read():
        reader = Follower.__new__(Follower)
        reader.client = f.server.client()
        while not stop.is_set():
            status, _, answer = reader.read(primary.c, "collection_shape")
            if status == 404:
                continue
            rows = answer["params"]["shape"][0] if status == 200 else -2
            (seen if rows == 0 or rows % 2 == 1 else wrong).append(rows)
        reader.client.close()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    for i in range(150):
        status, lsn, _ = send(
            primary.c, "add", {"ids": [100 + 2 * i, 101 + 2 * i], "vectors": [[1, i], [i, 1]]}
        )
        assert status == 200
    assert f.shape(primary.c, **min_lsn(lsn))[0] == 301
    stop.set()
    for t in threads:
        t.join()
    assert not wrong and len(set(seen)) > 3
    got = f.status()
    assert got["refreshes"] > 3
    until(lambda: f.status()["handles_in_use"] == 0)


def test_promotion(shipping, follow, own_server, tmp_path):
    primary = shipping("--ship-fencing")
    first = follow()
    first.wait(state="following")
    _, lsn, _ = primary.add()
    primary.wait("shipped_lsn", lsn)
    status, answer = first.promote()
    assert (status, answer["code"]) == (409, "lease_held")
    assert primary.add()[0] == 200
    primary.server.kill()
    status, answer = first.promote(force=True)
    assert status == 200, answer
    got = answer["params"]
    assert got["state"] == "promoted" and got["timeline"] == 2 and got["lsn"] >= lsn
    assert first.status()["state"] == "promoted"
    assert first.promote()[0] == 200  # done already
    rows, headers = first.shape(primary.c)
    assert headers["X-Applied-LSN"] is None
    status, _, answer = first.read(primary.c, "add", {"ids": [77], "vectors": [[7, 7]]})
    assert status == 200, answer
    assert first.shape(primary.c)[0] == rows + 1
    # The old writer comes back: the lease is another one's.
    restart(primary)
    until(lambda: primary.add()[0] == 503)
    # A promoted folder is a writer's, whatever the flags say.
    assert first.server.stop() == 0
    first.server.start()
    first.connect()
    assert first.client.request("GET", "/admin/follow")[0] == 404
    assert first.read(primary.c, "add", {"ids": [78], "vectors": [[7, 8]]})[0] == 200


def test_the_others_follow_the_promoted_one(shipping, follow):
    primary = shipping()
    first = follow("--backup-ship", "--ship-interval-ms", "20")
    second = follow()
    for f in (first, second):
        f.wait(state="following")
    _, lsn, _ = primary.add()
    for f in (first, second):
        f.shape(primary.c, **min_lsn(lsn))
    primary.server.kill()
    url = f"http://127.0.0.1:{first.server.port}"
    run = subprocess.run([VARVE, "promote", url], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "may write until" in run.stderr
    run = subprocess.run([VARVE, "promote", url, "--force"], capture_output=True, text=True)
    assert run.returncode == 0 and "promoted: timeline 2, from sequence" in run.stdout
    status, headers, _ = first.read(primary.c, "add", {"ids": [77], "vectors": [[7, 7]]})
    assert status == 200
    rows, headers = second.shape(primary.c, **min_lsn(headers["X-LSN"]))
    assert rows == primary.next_id + 1
    got = second.status()
    assert got["timeline"] == 2 and got["rebootstraps"] == 0


def test_settings_that_do_not_go_together(tmp_path):
    for flags, part in (
        (("--read-only",), "read_only"),
        (("--backup-repo", str(tmp_path / "other")), "two repositories"),
        (("--follow-db", "x"), "UUID"),
        (("--durability", "remote"), "needs backup_ship"),
    ):
        with pytest.raises(AssertionError, match=part):
            Server("--follow", str(tmp_path / "repo"), *flags, folder=str(tmp_path / "data"))
