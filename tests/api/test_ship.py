"""Log numbers of writes; the log shipped into a repository by the server, and writes that wait for
it."""

import json
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from server import PROGRAM, ROOT, TIME_FACTOR

sys.path.insert(0, str(ROOT / "tests" / "s3"))
from s3_fake import Fake, error, serve  # noqa: E402


ROW = {"ids": [1], "vectors": [[1, 0]]}


def send(c, route, body, headers=None):
    """(status, X-LSN or None, parsed answer)"""
    told = {"Content-Type": "application/json", **(headers or {})}
    data = json.dumps({**c.names, **body}).encode()
    status, answered, data = c.client.request("POST", "/" + route, data, told)
    lsn = answered["X-LSN"]
    return status, int(lsn) if lsn else None, json.loads(data)


def metric(client, name):
    text = client.request("GET", "/metrics")[2].decode()
    found = re.search(rf"^varve_{name} (\S+)$", text, re.M)
    assert found, name
    return float(found.group(1))


def test_every_write_has_its_log_number(make):
    c = make("c", dim=2)
    status, first, _ = send(c, "add", ROW)
    assert status == 200 and first > 0
    assert first <= metric(c.client, "log_sequence")
    status, second, _ = send(c, "delete", {"ids": [1]})
    assert status == 200 and second > first
    status, third, _ = send(c, "add", ROW)  # refused: the id was there
    assert status == 400 and third >= second
    lines = b'{"id":2,"vector":[0,1]}\n'
    status, headers, _ = c.raw("bulk", lines)
    assert status == 200 and int(headers["X-LSN"]) > second
    status, lsn, _ = send(c, "head", {"n": 1})
    assert status == 200 and lsn is None


def test_a_log_number_survives_a_kill(own_server, collection_on):
    server = own_server()
    c = collection_on(server, dim=2)
    status, lsn, _ = send(c, "add", ROW)
    assert status == 200
    server.kill()
    server.start()
    client = server.client()
    assert metric(client, "log_sequence") >= lsn
    client.close()


# ---- the log in a repository


def wal_ends(folder):
    """Last numbers of the objects of the log."""
    return [int(p.stem.split("-")[1]) for p in Path(folder).glob("db/*/tl/*/wal/*.wlb")]


class Shipping:
    """A server that ships into a folder, with a first snapshot there."""

    def __init__(self, own_server, collection_on, repo, *flags):
        self.repo = str(repo)
        self.flags = ("--backup-repo", self.repo, "--backup-ship", "--backup-min-interval-s", "0",
                      "--no-backup-on-stop", *flags)  # fmt: skip
        self.server = own_server(*self.flags)
        self.client = self.server.client()
        self.next_id = 0
        self.wait("phase", "running")
        self.client.close()
        self.c = collection_on(self.server, dim=2)
        self.client = self.c.client

    def status(self):
        return self.client.get("/admin/ship")["params"]

    def wait(self, key, value):
        """Until a member of the status is that, or at least that."""
        until = time.monotonic() + 30 * TIME_FACTOR
        while True:
            got = self.status()
            if got[key] == value or isinstance(value, int) and got[key] >= value:
                return got
            assert time.monotonic() < until, got
            time.sleep(0.02)

    def wait_log(self, event):
        until = time.monotonic() + 30 * TIME_FACTOR
        while event not in Path(self.server.log.name).read_text():
            assert time.monotonic() < until, event
            time.sleep(0.02)

    def add(self, how=None):
        self.next_id += 1
        body = {"ids": [self.next_id], "vectors": [[1, self.next_id]]}
        return send(self.c, "add", body, {"X-Varve-Durability": how} if how else None)


@pytest.fixture
def shipping(own_server, collection_on, tmp_path):
    return lambda *flags: Shipping(own_server, collection_on, tmp_path / "repo", *flags)


def test_nothing_is_shipped_unless_asked_for(make):
    c = make("c", dim=2)
    assert c.client.get("/admin/ship")["params"] == {"enabled": False}
    for word in ("remote", "sometimes"):
        status, _, answer = send(c, "add", ROW, {"X-Varve-Durability": word})
        assert status == 400 and answer["code"] == "invalid_argument"
    assert send(c, "add", ROW, {"X-Varve-Durability": "local"})[0] == 200


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (("--durability", "sometimes"), "durability is local or remote"),
        (("--durability", "remote"), "needs backup_ship"),
        (("--backup-ship",), "needs a repository"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, flags, sentence):
    done = subprocess.run(
        [PROGRAM, "--data-dir", str(tmp_path / "data"), "--port", "0", *flags],
        capture_output=True, text=True, timeout=60 * TIME_FACTOR, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and sentence in done.stderr


def test_the_log_follows_the_writes(shipping):
    s = shipping("--ship-interval-ms", "50")
    status, lsn, _ = s.add()
    assert status == 200
    state = s.wait("shipped_lsn", lsn)
    assert max(wal_ends(s.repo)) >= lsn
    assert state["objects"] >= 1 and state["bytes"] > 0 and state["failures"] == 0
    assert not state["fenced"] and not state["diverged"] and state["why"] is None
    assert state["lease_until_unix_ms"] > time.time() * 1000
    for name in ("shipped_lsn", "shipped_bytes_total", "ship_delay_seconds_count"):
        assert metric(s.client, name) > 0
    for name in ("remote_lag_seconds", "remote_lag_lsn", "ship_failures_total", "ship_fenced",
                 "ship_diverged", "remote_writes_waiting"):  # fmt: skip
        assert metric(s.client, name) == 0
    text = s.client.request("GET", "/metrics")[2].decode()
    assert 'varve_ship_phase{phase="running"} 1' in text


def test_a_remote_write_is_there_when_it_is_answered(shipping):
    s = shipping("--ship-interval-ms", "60000")
    for _ in range(5):
        status, lsn, _ = s.add("remote")
        assert status == 200 and max(wal_ends(s.repo)) >= lsn
    objects = s.status()["objects"]
    status, lsn, _ = s.add()
    assert status == 200 and lsn > max(wal_ends(s.repo))
    assert s.status()["objects"] == objects
    names = {"database_name": s.c.database, "collection_name": s.c.name}
    status, headers, _ = s.client.request(
        "POST", "/bulk", b'{"id":"a","vector":[0,1]}\n', {"X-Varve-Durability": "remote"}, names)
    assert status == 200 and max(wal_ends(s.repo)) >= int(headers["X-LSN"])


def test_a_server_may_make_all_writes_remote(shipping):
    s = shipping("--ship-interval-ms", "60000", "--durability", "remote")
    status, lsn, _ = s.add()
    assert status == 200 and max(wal_ends(s.repo)) >= lsn
    status, lsn, _ = s.add("local")
    assert status == 200 and lsn > max(wal_ends(s.repo))
    status, _, answer = send(s.c, "add", {"ids": [1], "vectors": [[1, 1]]})
    assert status == 400 and "already exists" in answer["error"]


def test_many_writes_share_one_object(shipping):
    """More of them wait at a time than there are threads for writes."""
    s = shipping("--durability", "remote", "--write-workers", "4")
    before = s.status()["objects"]

    def write(thread):
        client = s.server.client()
        c = type(s.c)(client, s.c.database, s.c.name)
        ends = [
            send(c, "add", {"ids": [f"{thread}-{i}"], "vectors": [[1, 1]]})[0] for i in range(10)
        ]
        client.close()
        return ends

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(write, range(32)), []) == [200] * 320
    state = s.status()
    assert state["writes_stored"] >= 320 and state["writes_timed_out"] == 0
    assert state["objects"] - before < 160


def test_an_orderly_end_ships_the_rest(shipping):
    s = shipping("--ship-interval-ms", "60000")
    _, lsn, _ = s.add()
    assert lsn > max(wal_ends(s.repo), default=0)
    assert s.server.stop() == 0
    assert max(wal_ends(s.repo)) >= lsn


def test_a_gap_waits_for_a_snapshot(shipping):
    s = shipping("--session-memory-max", "65536", "--ship-interval-ms", "50")
    lines = b"".join(b'{"id":%d,"vector":[1,%d]}\n' % (i, i) for i in range(20000))
    status, headers, _ = s.c.raw("bulk", lines)
    assert status == 200
    s.wait("shipped_lsn", int(headers["X-LSN"]))
    assert s.status()["gaps"] == 2  # one was there before the first snapshot
    status, lsn, _ = send(s.c, "add", {"ids": ["a"], "vectors": [[1, 0]]})
    s.wait("shipped_lsn", lsn)
    s.wait("phase", "running")


# ---- a store that does not answer


class Store(Fake):
    """A fake that can be away."""

    down = False

    def handle(self, request):
        if self.down:
            return error(503, "SlowDown", "away"), None
        return super().handle(request)


@pytest.fixture
def store():
    fake = Store(page=100)
    server = serve(fake)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield fake
    fake.stopping.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def on_store(store, tmp_path):
    """on_store(own_server, collection_on, *flags) -> Shipping into the fake"""
    credentials = tmp_path / "credentials"
    access, secret, _ = store.keys
    credentials.write_text(
        f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
    )

    def start(own_server, collection_on, *flags):
        place = ("--backup-endpoint", store.url, "--backup-credentials", str(credentials))
        return Shipping(own_server, collection_on, "s3://bucket/varve", *place, *flags)

    return start


def test_a_store_that_is_away(on_store, store, own_server, collection_on):
    s = on_store(own_server, collection_on, "--durability", "remote", "--remote-timeout-ms", "300",
                 "--ship-lag-max-s", "1", "--ship-interval-ms", "50")  # fmt: skip
    assert s.add()[0] == 200
    store.down = True
    status, lsn, answer = s.add()
    assert status == 504 and answer["code"] == "remote_timeout"
    assert s.c.ok("is_id_exists", id=s.next_id)["is_id_exists"]  # durable here
    assert s.add("local")[0] == 200
    time.sleep(1.5)
    assert metric(s.client, "remote_lag_seconds") > 1
    assert metric(s.client, "remote_lag_lsn") > 0
    s.wait_log("ship_lagging")
    state = s.status()
    assert state["writes_timed_out"] == 1 and state["shipped_lsn"] < lsn
    store.down = False
    s.wait("shipped_lsn", lsn)
    assert s.wait("phase", "running")["why"] is None
    assert s.add()[0] == 200
    s.wait_log("ship_caught_up")


# ---- the fence


def writer(repo):
    (path,) = Path(repo).glob("db/*/WRITER.json")
    return path, json.loads(path.read_text())


def replace(path, content):
    other = path.with_name("WRITER.json.new")
    other.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")))
    other.rename(path)


STRANGER = "00000000-0000-4000-8000-00000000aaaa"


@pytest.mark.parametrize("flags", [("--durability", "remote"), ("--ship-fencing",)])
def test_behind_the_fence_nothing_is_written(shipping, flags):
    s = shipping("--ship-interval-ms", "50", *flags)
    assert s.add()[0] == 200
    assert s.server.stop() == 0
    path, lease = writer(s.repo)
    taken = {**lease, "holder": STRANGER, "epoch": lease["epoch"] + 1,
             "expires_ms": int(time.time() * 1000) + 600000}  # fmt: skip
    replace(path, taken)
    s.server.start()
    s.client = s.server.client()
    s.c.client = s.client
    state = s.wait("phase", "fenced")
    assert state["fenced"] and STRANGER in state["why"]
    status, _, answer = s.add()
    assert status == 503 and answer["code"] == "fenced" and "Nothing was written" in answer["error"]
    assert not s.c.ok("is_id_exists", id=s.next_id)["is_id_exists"]
    assert s.c.ok("head", n=1)  # reads go on
    assert metric(s.client, "ship_fenced") == 1 and metric(s.client, "fenced_writes_total") >= 1
    replace(path, {**taken, "expires_ms": 0})  # given back
    s.wait("phase", "running")
    assert s.add()[0] == 200
    s.client.close()


def test_an_operator_takes_the_lease_back(shipping):
    s = shipping("--ship-interval-ms", "50", "--durability", "remote")
    assert s.add()[0] == 200
    assert s.server.stop() == 0
    path, lease = writer(s.repo)
    taken = {**lease, "holder": STRANGER, "expires_ms": int(time.time() * 1000) + 600000}
    replace(path, taken)
    s.server.start()
    s.client = s.server.client()
    s.c.client = s.client
    s.wait("phase", "fenced")
    assert s.add()[0] == 503
    status, answer = s.client.post("/admin/backups", {"take_over": True, "wait": True})
    assert status == 200, answer
    s.wait("phase", "running")
    status, lsn, _ = s.add()
    assert status == 200 and max(wal_ends(s.repo)) >= lsn
    assert len({p.parent.name for p in Path(s.repo).glob("db/*/tl/*/HISTORY.json")}) == 2
    s.client.close()


def put_back(folder, older):
    """All but what the folder knows of its backups."""
    for path in Path(folder).iterdir():
        if path.is_dir() and path.name != "backup":
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    shutil.rmtree(older / "backup")
    shutil.copytree(older, folder, dirs_exist_ok=True)


def test_a_folder_that_was_put_back(shipping, tmp_path):
    """Its log has other writes under the numbers that are in the repository already."""
    s = shipping("--ship-interval-ms", "50")
    s.wait("shipped_lsn", s.add()[1])
    assert s.server.stop() == 0
    older = tmp_path / "older"
    shutil.copytree(s.server.folder, older)  # an old copy, as somebody would keep it
    s.server.start()
    s.client = s.c.client = s.server.client()
    for _ in range(5):
        s.wait("shipped_lsn", s.add()[1])
    s.client.close()
    assert s.server.stop() == 0
    put_back(s.server.folder, older)
    s.server.start()
    s.client = s.c.client = s.server.client()
    s.add()
    state = s.wait("phase", "diverged")
    assert state["fenced"] and metric(s.client, "ship_diverged") == 1
    assert s.add()[0] == 200  # without a fence, and only here
    assert s.add("remote")[0] == 503
    status, answer = s.client.post("/admin/backups", {"new_timeline": True, "wait": True})
    assert status == 200, answer
    s.wait("phase", "running")
    status, lsn, _ = s.add("remote")
    assert status == 200 and max(wal_ends(s.repo)) >= lsn
    s.client.close()


def test_without_a_fence_writes_go_on(shipping):
    s = shipping("--ship-interval-ms", "50")
    assert s.server.stop() == 0
    path, lease = writer(s.repo)
    replace(path, {**lease, "holder": STRANGER, "expires_ms": int(time.time() * 1000) + 600000})
    s.server.start()
    s.client = s.server.client()
    s.c.client = s.client
    s.wait("phase", "fenced")
    assert s.add()[0] == 200
    status, _, answer = s.add("remote")
    assert status == 503 and answer["code"] == "fenced"
    s.client.close()


def test_a_lease_that_is_taken_meanwhile(shipping):
    """Seen with the next renewal, at the latest ten seconds later, before a write is shipped."""
    s = shipping("--durability", "remote", "--remote-timeout-ms", "60000")
    assert s.add()[0] == 200
    path, lease = writer(s.repo)
    replace(path, {**lease, "holder": STRANGER, "epoch": lease["epoch"] + 1})
    time.sleep(10.2)
    status, _, answer = s.add()
    assert status == 503 and answer["code"] == "fenced"
    assert "on this server only" in answer["error"]
    assert s.status()["phase"] == "fenced"
    assert "Nothing was written" in s.add()[2]["error"]
