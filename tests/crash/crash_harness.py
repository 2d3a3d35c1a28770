"""Crash after crash under load: nothing acknowledged may be lost, nothing deleted may come back, no
batch may be there by half.

  crash_harness.py kill9     [--cycles n] [--seconds s] [--seed n]     kill -9 at random moments
  crash_harness.py powerloss [--cycles n] [--seconds s] [--seed n]     the power of an ext4 is cut

The programs: VARVE_GATEWAY and VARVE_CLI. Each cycle opens the folder, compares every id with the
model, writes with several clients, freezes what is acknowledged, and only then crashes. The seed
replays the choices, not the clock. A folder that was found wrong is kept, as it was before the open
that found it. Exit code 77: cannot run here."""

import argparse
import os
import random
import shutil
import sys
import threading
import time

import harness_disk
from harness_fields import check_field_views, read_fields
from harness_load import COLLECTIONS, Load, create_collections, names, scratch_found
from harness_model import ClientModel, Freeze, Verdict, check_views, judge, read_collection
from harness_server import SMALL, Server, fsck

GATEWAY = os.environ.get("VARVE_GATEWAY", "")
CLI = os.environ.get("VARVE_CLI", "")
CLIENTS = 5
CYCLES_OF_A_FOLDER = 10
FSCK_EVERY = 4


class Wrong(Exception):
    """Something that must not happen."""


class Harness:
    def __init__(self, seed, disk):
        self.seed, self.disk = seed, disk
        self.random = random.Random(seed)
        self.freeze = Freeze()
        self.verdict = Verdict()
        self.models = []
        self.cycles = self.folders = self.acked = self.fscks = self.orderly = self.early_kills = 0
        self.in_flight = self.rows_compared = self.vectors_compared = 0
        self.slowest_open = 0.0
        self.server = None

    # ---- the folder

    def new_folder(self):
        self.folders += 1
        self.acked += sum(model.acked for model in self.models)
        self.disk.clear()
        self.models = [ClientModel(self.freeze) for _ in range(CLIENTS)]

    def settings(self):
        """Each life has its own."""
        s = dict(SMALL)
        if self.random.random() < 0.3:
            s["seal-rows"] = self.random.choice((20, 60, 1000))
        if self.random.random() < 0.3:
            s["session-memory-max"] = self.random.choice((66000, 90000, 1 << 20))
        if self.random.random() < 0.2:
            s["row-buffer-bytes"] = 8 << 20
        return s

    def launch(self):
        log = self.disk.aside / "gateway.log"
        self.server = Server(GATEWAY, str(self.disk.data), str(log), self.settings())
        return self.server

    def crash(self):
        server, self.server = self.server, None
        ended = server.ended_by_itself()
        self.disk.crash(server)
        if ended is not None:
            raise Wrong(f"the gateway ended by itself with {ended}")

    # ---- one cycle

    def kill_while_opening(self):
        """Up to three lives that end before they begin."""
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            self.launch()
            time.sleep(self.random.random() ** 2 * 0.15)
            self.early_kills += 1
            self.disk.crash(self.server)
            self.server = None

    def open(self):
        self.disk.keep_copy()
        server = self.launch()
        self.slowest_open = max(self.slowest_open, server.wait_ready())
        client = server.client()
        status, body = client.get("/readyz")
        if status != 200:
            raise Wrong(f"/readyz: {status} {body}")
        return client

    def compare(self, client):
        found = scratch_found(client)
        for collection in COLLECTIONS:
            rows = read_collection(client, names(collection), collection)
            own = read_fields(client, names(collection), collection, rows)
            check_views(self.verdict, client, names(collection), collection, rows)
            check_field_views(self.verdict, client, names(collection), collection, rows)
            found.update(rows)
            found.update(own)
            self.vectors_compared += sum(len(row.named) for row in rows.values())
        self.rows_compared += len(found)
        judge(self.verdict, self.models, found)
        if self.verdict.bad():
            raise Wrong("the folder is not what was acknowledged")

    def load(self):
        """Write for a while, then freeze; the clients still write when this returns."""
        stop = threading.Event()
        self.freeze.clear()
        clients = [Load(i, model, self.server, self.random.random(), stop)
                   for i, model in enumerate(self.models)]
        for client in clients:
            client.start()
        time.sleep(0.05 + self.random.random() * self.disk.load_seconds)
        return clients, stop

    def end_life(self, clients, stop):
        if self.random.random() < self.disk.orderly_share:
            stop.set()
            self.orderly += 1
            server, self.server = self.server, None
            code = server.stop()
            if code != 0:
                raise Wrong(f"after SIGTERM the gateway ended with {code}")
        else:
            self.freeze.set()
            self.crash()
        stop.set()
        for client in clients:
            client.join(90)
        stuck = [c.number for c in clients if c.is_alive()]
        failures = [c.failure for c in clients if c.failure]
        if stuck or failures:
            raise Wrong(f"clients: {failures} stuck: {stuck}")
        self.in_flight += sum(bool(model.in_flight) for model in self.models)

    def check_closed(self):
        self.fscks += 1
        findings = fsck(CLI, str(self.disk.data))
        if findings:
            raise Wrong("fsck: " + "; ".join(findings))

    def cycle(self):
        fresh = self.cycles % CYCLES_OF_A_FOLDER == 0
        if fresh:
            self.new_folder()
        self.kill_while_opening()
        client = self.open()
        if fresh:
            create_collections(client)
        self.compare(client)
        client.close()
        self.end_life(*self.load())
        self.cycles += 1
        if self.cycles % FSCK_EVERY == 0:
            self.check_closed()

    # ---- the whole

    def run(self, cycles, seconds):
        until = time.monotonic() + seconds
        while self.cycles < cycles and time.monotonic() < until:
            self.cycle()
        self.compare(self.open())
        self.acked += sum(model.acked for model in self.models)
        if self.server.stop() != 0:
            raise Wrong("the last close failed")
        self.server = None
        self.check_closed()

    def close(self):
        if self.server:
            self.server.kill()
            self.server = None

    def summary(self):
        v = self.verdict
        return (f"crash.{self.disk.name}: seed {self.seed}, {self.cycles} cycles in {self.folders} "
                f"folders ({self.early_kills} more ended while opening, {self.orderly} in order), "
                f"{self.acked} requests acknowledged, {self.in_flight} in flight, "
                f"{self.rows_compared} rows and {self.vectors_compared} named vectors compared; "
                f"{v.lost} lost, {v.resurrected} resurrected, "
                f"{v.half_batches} half batches, {v.wrong} wrong, {v.extra} extra; "
                f"{self.fscks} fsck; slowest open {self.slowest_open * 1000:.0f} ms")


def run(args, disk, seed):
    harness = Harness(seed, disk)
    began, why = time.monotonic(), None
    try:
        harness.run(args.cycles, args.seconds)
        if harness.cycles < args.cycles:
            why = f"only {harness.cycles} of {args.cycles} cycles in {args.seconds} s"
    except Exception as error:  # a finding, whatever it is; the folder is kept for it
        why = f"cycle {harness.cycles}: {type(error).__name__}: {error}"
    finally:
        harness.close()
    print(harness.summary() + f"; {time.monotonic() - began:.0f} s", flush=True)
    if why is None:
        return 0
    print(f"FAILED: {why}")
    for sentence in harness.verdict.sentences:
        print("  " + sentence)
    print(f"kept: {disk.keep_for_people()}")
    return 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("kill9", "powerloss"))
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    aside = harness_disk.make_aside(in_memory=args.kind == "kill9")
    try:
        if args.kind == "powerloss":
            disk = harness_disk.PowerDisk(aside)
        else:
            disk = harness_disk.PlainDisk(aside)
    except harness_disk.Unsupported as error:
        shutil.rmtree(aside, ignore_errors=True)
        print(f"crash.{args.kind}: skipped: {error}")
        return 77
    try:
        return run(args, disk, seed)
    finally:
        disk.close()


if __name__ == "__main__":
    sys.exit(main())
