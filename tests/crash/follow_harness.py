"""A writer that ships its log, a replica that follows it, and kill -9 of either.

One cycle: writes are sent one after the other, each acknowledged when the repository has it. The
replica is killed and started again at random; then the writer is killed in the middle of a write,
and the replica is promoted. What must hold:

  (1) What the replica shows at sequence S is what the first writes made, all that end at S or
      before among them: never a hole, never anything else.
  (2) After the promotion every acknowledged write is there, and at most the one that was under way.
  (3) The old writer, started again, takes no write, and the new timeline holds nothing of it.
  (4) The folder that was promoted is sound, also after it is killed in turn.

The promoted replica is the writer of the next cycle, and a new one follows it.

  follow_harness.py --cycles N --seconds S [--seed N]"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness_server import SMALL, Server, fsck

GATEWAY, CLI = os.environ["VARVE_GATEWAY"], os.environ["VARVE_CLI"]
NAMES = {"database_name": "d", "collection_name": "c"}
IDS = 150  # so that rows are replaced and deleted all the time


class Failure(Exception):
    pass


def check(true, *words):
    if not true:
        raise Failure(" ".join(str(w) for w in words))


# ---- what was written


class History:
    """Writes in their order; (id, value) sets a row, (id, None) deletes it."""

    def __init__(self):
        self.writes = []  # (id, value, X-LSN or None: not acknowledged)

    def state(self, count):
        rows = {}
        for id, value, _ in self.writes[:count]:
            if value is None:
                rows.pop(id, None)
            else:
                rows[id] = value
        return rows

    def find(self, rows, least):
        """How many writes made these rows: `least` or more; None: no number did."""
        at = self.state(least)
        for count in range(least, len(self.writes) + 1):
            if at == rows:
                return count
            if count < len(self.writes):
                id, value, _ = self.writes[count]
                at.pop(id, None)
                if value is not None:
                    at[id] = value
        return None

    def acknowledged_until(self, sequence):
        """Writes that end at or before it."""
        return sum(1 for w in self.writes if w[2] is not None and w[2] <= sequence)


def rows_of(client):
    status, answer = client.post("/scroll", {**NAMES, "n": 2 * IDS})
    if status == 404:
        return {}
    check(status == 200, "scroll:", status, answer)
    got = answer["params"]
    check(got["next"] is None, "more rows than there are ids")
    return {id: f["value"] for id, f in zip(got["ids"], got["fields"])}


def get(client, path):
    status, data = client.get(path)
    check(status == 200, path, status, data)
    return json.loads(data)["params"]


# ---- the load


class Load(threading.Thread):
    """One write after the other, until one fails."""

    def __init__(self, port_client, history, seed, pause_s):
        super().__init__()
        self.client, self.history = port_client, history
        self.random, self.pause_s = random.Random(seed), pause_s
        self.stop, self.error = threading.Event(), None

    def one(self):
        id = self.random.randrange(IDS)
        known = id in self.history.state(len(self.history.writes))
        value = None if known and self.random.random() < 0.2 else len(self.history.writes)
        route, body = "/delete", {"ids": [id]}
        if value is not None:
            vector = [self.random.random() for _ in range(4)]
            fields = [{"value": value}]
            route, body = "/upsert", {"ids": [id], "vectors": [vector], "fields": fields}
        self.history.writes.append((id, value, None))
        http = self.client.http
        http.request("POST", route, json.dumps({**NAMES, **body}).encode(),
                     {"Content-Type": "application/json", "X-Varve-Durability": "remote"})
        reply = http.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise OSError(f"{route}: {reply.status} {text[:200]}")
        self.history.writes[-1] = (id, value, int(reply.headers["X-LSN"]))

    def run(self):
        while not self.stop.is_set():
            try:
                self.one()
            except Exception as error:  # the writer was killed, or says so
                self.error = error
                return
            time.sleep(self.random.random() * self.pause_s)


# ---- servers


class Scene:
    def __init__(self, seed):
        self.root = Path(tempfile.mkdtemp(prefix="varve-follow-"))
        self.repo = str(self.root / "repo")
        self.random, self.servers, self.count = random.Random(seed), [], 0
        self.history = History()

    def start(self, folder, **settings):
        common = {**SMALL, "backup-repo": self.repo, "backup-ship": "true", "ship-fencing": "true",
                  "ship-interval-ms": 30, "follow-poll-ms": 30,
                  "follow-refresh-ms": 10, "compactor": "false", "backup-on-stop": "false"}
        server = Server(GATEWAY, str(folder), str(folder) + ".log", {**common, **settings})
        self.servers.append(server)
        server.wait_ready()
        return server

    def start_replica(self, folder=None):
        self.count += 1
        folder = folder or self.root / f"data-{self.count}"
        return folder, self.start(folder, follow=self.repo)

    def kill(self, server):
        self.servers.remove(server)
        server.kill()

    def done(self, keep):
        for server in list(self.servers):
            self.kill(server)
        if keep:
            print(f"kept: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)


def wait_for(what, seconds, words):
    end = time.monotonic() + seconds
    while not (got := what()):
        check(time.monotonic() < end, words, "took too long")
        time.sleep(0.02)
    return got


def check_replica(scene, server):
    """(1), once it shows something."""
    client = server.client()
    wait_for(lambda: get(client, "/admin/follow")["state"] == "following", 30, "following")
    for _ in range(100):
        before = get(client, "/admin/follow")["shown_lsn"]
        rows = rows_of(client)
        if get(client, "/admin/follow")["shown_lsn"] == before:
            break
    # The writes are still going on: at least what is acknowledged up to there is needed.
    least = scene.history.acknowledged_until(before)
    count = scene.history.find(rows, least)
    check(count is not None, "at", before, "no number of writes, from", least, "on, made", rows)
    client.close()
    return count


# ---- a cycle


def begin(scene):
    """The first writer; it makes the first snapshot by itself."""
    folder = scene.root / "data-0"
    writer = scene.start(folder)
    client = writer.client()
    client.ask("/create_database", database_name="d")
    client.ask("/required_collection", **NAMES, dim=4)
    client.close()
    ship = lambda: get(writer.client(), "/admin/ship")["phase"] == "running"
    wait_for(ship, 30, "shipping")
    return folder, writer


def torment_replica(scene, folder, replica):
    """Killed at a random moment, also while it bootstraps or was just started."""
    time.sleep(scene.random.choice([0.02, 0.1, 0.3, 0.6]) * scene.random.random())
    scene.kill(replica)
    _, replica = scene.start_replica(folder)
    return replica


def promote(scene, replica):
    client = replica.client()
    status, answer = client.post("/admin/promote", {"force": True})
    check(status == 200, "promote:", status, answer)
    rows = rows_of(client)
    client.close()
    acknowledged = sum(1 for w in scene.history.writes if w[2] is not None)
    # Nothing follows a write that was not acknowledged.
    count = scene.history.find(rows, acknowledged)
    check(count is not None, "promoted:", acknowledged, "writes were acknowledged;", len(rows),
          "rows are of no such state:", rows, "wanted", scene.history.state(acknowledged))
    del scene.history.writes[count:]
    if count > acknowledged:  # it came through: from now on it must stay
        id, value, _ = scene.history.writes[-1]
        scene.history.writes[-1] = (id, value, answer["params"]["lsn"])
    return answer["params"]["timeline"]


def objects_of(scene, timeline):
    return sorted(p.name for p in Path(scene.repo).glob(f"db/*/tl/{timeline:08d}/wal/*.wlb"))


def check_old_writer(scene, folder, timeline):
    """(3): every write is refused, and nothing goes into the new timeline."""
    before = objects_of(scene, timeline)
    old = scene.start(folder)
    client = old.client()
    refused = lambda: client.post("/upsert", {**NAMES, "ids": [1], "vectors": [[1, 2, 3, 4]],
                                              "fields": [{"value": -1}]})[0] == 503
    wait_for(refused, 30, "the old writer's fence")
    time.sleep(0.2)
    check(objects_of(scene, timeline) == before, "the old writer wrote to the new timeline")
    client.close()
    scene.kill(old)


def cycle(scene, folder, writer, pause_s):
    replica_folder, replica = scene.start_replica()
    load = Load(writer.client(), scene.history, scene.random.random(), pause_s)
    load.start()
    for _ in range(scene.random.randrange(1, 4)):
        replica = torment_replica(scene, replica_folder, replica)
    check_replica(scene, replica)
    wait_for(lambda: len(scene.history.writes) > 20 or load.error, 30, "writes")
    check(not load.error, "the load ended early:", load.error)
    time.sleep(scene.random.random() * 0.2)
    scene.kill(writer)
    load.join()
    check_replica(scene, replica)
    timeline = promote(scene, replica)
    check_old_writer(scene, folder, timeline)
    shutil.rmtree(folder)
    scene.kill(replica)  # (4)
    found = fsck(CLI, str(replica_folder))
    check(not found, "the promoted folder is not sound:", found)
    return replica_folder, scene.start(replica_folder, follow=scene.repo)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    scene, keep, done = Scene(args.seed), True, 0
    began = time.monotonic()
    try:
        folder, writer = begin(scene)
        while done < args.cycles and time.monotonic() - began < args.seconds:
            folder, writer = cycle(scene, folder, writer, 0.02)
            done += 1
        keep = False
    except Failure as failure:
        print(f"FAILED in cycle {done}, seed {args.seed}: {failure}")
    finally:
        scene.done(keep)
    writes = len(scene.history.writes)
    print(f"{done} promotions after kill -9, {writes} writes, {time.monotonic() - began:.0f} s")
    sys.exit(0 if not keep and done > 0 else 1)


if __name__ == "__main__":
    main()
