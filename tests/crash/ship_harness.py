"""The machine is lost: a server that ships its log is killed with -9 under load, its data folder is
thrown away, and what the repository has is restored.

  ship_harness.py remote [--store folder|s3] [--cycles n] [--seconds s] [--seed n]
      durability remote: everything that was answered must be there
  ship_harness.py local  [--store folder|s3] [--cycles n] [--seconds s] [--seed n]
      durability local: what is missing must be younger than the lag that the server told of

The programs: VARVE_GATEWAY, VARVE_CLI and VARVE_SHIP_RESTORE. The store s3 is our fake, which fails
a share of its requests: errors, lost answers, resets, delays. A cycle has up to three lives of the
server on one folder, each ended by a kill, so that shippers also go on where others were killed.
Exit code 1: a finding."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import harness_disk
from harness_fields import check_field_views, read_fields
from harness_load import COLLECTIONS, Load, create_collections, names, scratch_found
from harness_model import ClientModel, Freeze, Verdict, check_views, judge, read_collection
from harness_server import SMALL, Server, fsck
from ship_writer import Writer, create, read_ids

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "s3"))
from s3_fake import Fake, serve  # noqa: E402
from s3_faults import Fault  # noqa: E402

GATEWAY = os.environ.get("VARVE_GATEWAY", "")
CLI = os.environ.get("VARVE_CLI", "")
RESTORE = os.environ.get("VARVE_SHIP_RESTORE", "")
CLIENTS = 5
FAULTS = (Fault.INTERNAL, Fault.SLOW_DOWN, Fault.RESET, Fault.LOST_ANSWER, Fault.SHORT, Fault.FLIP)
FAULT_SHARE = 0.03
POLL_SECONDS = 0.02


class Wrong(Exception):
    """Something that must not happen."""


class FolderStore:
    """A repository in a folder."""

    name = "folder"

    def __init__(self, aside, seed):
        self.path = aside / "repo"
        self.faults = 0

    def clear(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def settings(self):
        return {"backup-repo": self.path}

    def tool(self):
        return [f"url={self.path}"]

    def close(self):
        pass


class Moody(Fake):
    """Fails a share of its requests while it is told to."""

    def __init__(self, seed):
        super().__init__(page=200)
        self.random, self.moody, self.failed = random.Random(seed), False, 0

    def handle(self, request):
        with self.lock:
            fails = self.moody and self.random.random() < FAULT_SHARE
            if fails:
                self.failed += 1
                self.plan(len(self.log), self.random.choice(FAULTS))
            slow = self.moody and self.random.random() < FAULT_SHARE
        if slow:
            time.sleep(0.2)
        return super().handle(request)


class S3Store:
    """A repository in our fake."""

    name = "s3"

    def __init__(self, aside, seed):
        self.fake = Moody(seed)
        self.server = serve(self.fake)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.credentials = aside / "credentials"
        access, secret, _ = self.fake.keys
        self.credentials.write_text(
            f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
        )

    faults = property(lambda self: self.fake.failed)

    def clear(self):
        self.fake.moody = False
        self.fake.reset()

    def settings(self):
        self.fake.moody = True
        return {"backup-repo": "s3://bucket/some/prefix", "backup-endpoint": self.url,
                "backup-credentials": self.credentials}

    def tool(self):
        self.fake.moody = False
        return ["url=s3://bucket/some/prefix", f"endpoint={self.url}",
                f"credentials={self.credentials}"]

    def close(self):
        self.fake.stopping.set()
        self.server.shutdown()
        self.server.server_close()


class Harness:
    def __init__(self, seed, aside, store):
        self.seed, self.aside, self.store = seed, aside, store
        self.random = random.Random(seed)
        self.data, self.restored = aside / "data", aside / "restored"
        self.verdict = Verdict()
        self.server = None
        self.cycles = self.kills = self.acked = self.rows = self.restores = 0

    # ---- the server

    def launch(self, **more):
        settings = {**SMALL, **self.store.settings(), "backup-ship": "true",
                    "backup-min-interval-s": 0, "backup-retry-s": 1, **more}
        if self.random.random() < 0.7:
            del settings["session-memory-max"]  # or large sessions go past the log: gaps
        self.server = Server(GATEWAY, str(self.data), str(self.aside / "gateway.log"), settings)
        self.server.wait_ready()
        return self.server.client()

    def kill(self):
        server, self.server = self.server, None
        ended = server.ended_by_itself()
        server.kill()
        self.kills += 1
        if ended is not None:
            raise Wrong(f"the gateway ended by itself with {ended}")

    def clear(self):
        for folder in (self.data, self.restored):
            shutil.rmtree(folder, ignore_errors=True)

    # ---- the loss

    def restore(self):
        """The sequence number that was reached; a client of a server of what is there."""
        shutil.rmtree(self.data)
        done = subprocess.run([RESTORE, *self.store.tool(), str(self.restored)],
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Wrong(f"the restore failed: {done.stderr.strip()}")
        findings = fsck(CLI, str(self.restored))
        if findings:
            raise Wrong("fsck: " + "; ".join(findings))
        self.restores += 1
        self.server = Server(GATEWAY, str(self.restored), str(self.aside / "gateway.log"), SMALL)
        self.server.wait_ready()
        return int(done.stdout), self.server.client()

    def close(self):
        if self.server:
            self.server.kill()
            self.server = None

    def run(self, cycles, seconds):
        until = time.monotonic() + seconds
        while self.cycles < cycles and time.monotonic() < until:
            self.clear()
            self.store.clear()
            self.cycle()
            self.cycles += 1

    def told(self):
        return (f"seed {self.seed}, {self.cycles} cycles on {self.store.name}, {self.kills} kills, "
                f"{self.acked} requests acknowledged, {self.store.faults} faults of the store, "
                f"{self.restores} restores, {self.rows} rows compared")


class Remote(Harness):
    """What was answered is compared row by row, over every route that writes."""

    def __init__(self, *args):
        super().__init__(*args)
        self.freeze = Freeze()
        self.models = []

    def compare(self, client):
        found = scratch_found(client)
        for collection in COLLECTIONS:
            rows = read_collection(client, names(collection), collection)
            own = read_fields(client, names(collection), collection, rows)  # completes the rows
            found.update(rows)
            found.update(own)
            check_views(self.verdict, client, names(collection), collection, rows)
            check_field_views(self.verdict, client, names(collection), collection, rows)
        self.rows += len(found)
        judge(self.verdict, self.models, found)
        if self.verdict.bad():
            raise Wrong("what was answered is not there")

    def wait_shipped(self, client):
        """What was in flight at a kill, and seen since, counts as answered once it is shipped."""
        status, body = client.get("/admin/ship")
        written = shipping(body)["written_lsn"]
        until = time.monotonic() + 60
        while shipping(body)["shipped_lsn"] < written:
            if time.monotonic() > until:
                raise Wrong(f"nothing is shipped: {status} {body}")
            time.sleep(POLL_SECONDS)
            status, body = client.get("/admin/ship")

    def live(self, fresh):
        client = self.launch(durability="remote", **{"remote-timeout-ms": 60000})
        if fresh:
            create_collections(client)
        else:
            self.compare(client)
            self.wait_shipped(client)
        client.close()
        stop = threading.Event()
        self.freeze.clear()
        clients = [Load(i, model, self.server, self.random.random(), stop)
                   for i, model in enumerate(self.models)]
        for one in clients:
            one.start()
        time.sleep(0.3 + self.random.random() * 1.5)
        self.freeze.set()
        self.kill()
        stop.set()
        for one in clients:
            one.join(90)
        failures = [one.failure for one in clients if one.failure or one.is_alive()]
        if failures:
            raise Wrong(f"clients: {failures}")

    def cycle(self):
        self.models = [ClientModel(self.freeze) for _ in range(CLIENTS)]
        for life in range(self.random.choice((1, 1, 2, 3))):
            self.live(life == 0)
        _, client = self.restore()
        self.compare(client)
        client.close()
        self.acked += sum(model.acked for model in self.models)
        self.close()

    def summary(self):
        v = self.verdict
        return (f"crash.ship.remote: {self.told()}; {v.lost} lost, {v.resurrected} resurrected, "
                f"{v.half_batches} half batches, {v.wrong} wrong, {v.extra} extra")


class Local(Harness):
    """Rows that were answered with their log number; the lag as it was told last."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lost = 0
        self.lost_seconds = self.told_seconds = 0.0

    def watch(self, client, stop, last):
        """The last answer of /admin/ship, and when it was asked for."""
        while not stop.is_set():
            asked = time.monotonic()
            try:
                status, body = client.get("/admin/ship")
            except OSError:
                return
            if status == 200:
                last[:] = [asked, shipping(body)]
            time.sleep(POLL_SECONDS)

    def live(self, interval_ms):
        client = self.launch(**{"ship-interval-ms": interval_ms})
        create(client)
        until = time.monotonic() + 60
        while shipping(client.get("/admin/ship")[1])["phase"] != "running":
            if time.monotonic() > until:
                raise Wrong("no first snapshot")
            time.sleep(POLL_SECONDS)
        stop, last = threading.Event(), []
        writers = [Writer(i, self.server.client(), stop) for i in range(CLIENTS)]
        watcher = threading.Thread(target=self.watch, args=(client, stop, last), daemon=True)
        for one in [*writers, watcher]:
            one.start()
        time.sleep(0.5 + self.random.random() * 1.5)
        killed = time.monotonic()
        self.kill()
        stop.set()
        for one in [*writers, watcher]:
            one.join(60)
        return writers, killed, last

    def cycle(self):
        writers, killed, (asked, told) = self.live(self.random.choice((50, 200, 1000)))
        reached, client = self.restore()
        found = read_ids(client)
        answered = [row for one in writers for row in one.answered if row.time <= killed]
        sent = {key for one in writers for key in one.sent}
        self.acked += len(answered)
        self.rows += len(found)
        missing = [row for row in answered if row.key not in found]
        self.lost += len(missing)
        bound = told["lag_seconds"] + killed - asked
        oldest = max((killed - row.time for row in missing), default=0.0)
        self.lost_seconds = max(self.lost_seconds, oldest)
        self.told_seconds = max(self.told_seconds, bound)
        if reached < told["shipped_lsn"]:
            raise Wrong(f"restored up to {reached}, but {told['shipped_lsn']} was told")
        if not found <= sent:
            raise Wrong(f"rows that nobody wrote: {sorted(found - sent)[:5]}")
        if any(row.lsn <= reached for row in missing):
            raise Wrong(f"rows at or below {reached} are missing")
        if oldest > bound:
            raise Wrong(f"lost what was {oldest:.3f} s old, with a lag of {bound:.3f} s")
        client.close()
        self.close()

    def summary(self):
        return (f"crash.ship.local: {self.told()}; {self.lost} lost, the oldest "
                f"{self.lost_seconds:.3f} s old; the lag was up to {self.told_seconds:.3f} s")


def shipping(body):
    return json.loads(body)["params"]


def run(args, aside, store, seed):
    harness = {"remote": Remote, "local": Local}[args.kind](seed, aside, store)
    began, why = time.monotonic(), None
    try:
        harness.run(args.cycles, args.seconds)
        if harness.cycles < args.cycles:
            why = f"only {harness.cycles} of {args.cycles} cycles in {args.seconds} s"
    except Exception as error:  # a finding, whatever it is
        why = f"cycle {harness.cycles}: {type(error).__name__}: {error}"
    finally:
        harness.close()
    print(harness.summary() + f"; {time.monotonic() - began:.0f} s", flush=True)
    if why is None:
        return 0
    print(f"FAILED: {why}")
    for sentence in harness.verdict.sentences:
        print("  " + sentence)
    print(f"kept: {aside}")
    return 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("remote", "local"))
    parser.add_argument("--store", choices=("folder", "s3"), default="folder")
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    aside = harness_disk.make_aside(in_memory=True, prefix="varve-ship-")
    store = {"folder": FolderStore, "s3": S3Store}[args.store](aside, seed)
    try:
        code = run(args, aside, store, seed)
    finally:
        store.close()
    if code == 0:
        shutil.rmtree(aside, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
