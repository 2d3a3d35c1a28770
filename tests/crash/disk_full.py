"""A disk that fills up and gets room again, under a gateway that is being written to: inserts are
refused with 507 below the reserve, deletes and reads go on, /readyz says so, writing resumes
without a restart, and nothing acknowledged is lost, however full the disk was when the process
ended.

  disk_full.py [--rounds n] [--seed n]

Needs root, for a tmpfs of its own; exit code 77 without. Programs: VARVE_GATEWAY and VARVE_CLI."""

import argparse
import collections
import http.client
import os
import random
import shutil
import sys
import threading
import time
from pathlib import Path

import harness_disk
from harness_model import DIM, key_text, vector_of
from harness_server import SMALL, Server, fsck

GATEWAY = os.environ.get("VARVE_GATEWAY", "")
CLI = os.environ.get("VARVE_CLI", "")
DISK_BYTES = 96 << 20
RESERVE_BYTES = 8 << 20
WRITERS, IDS, BATCH, PAD = 3, 400, 20, 700
RESUME_SECONDS = 30
NAMES = {"database_name": "default", "collection_name": "docs"}
ABSENT = None


class Wrong(Exception):
    pass


def expect(condition, sentence):
    if not condition:
        raise Wrong(sentence)


class Writer(threading.Thread):
    """Upserts and deletes rows of its own. Of each id it knows the states that are allowed: that of
    the
    last request acknowledged, and those of later ones that failed, which may have reached the
    log."""

    def __init__(self, number, server, seed, allowed, versions):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.client = server.client()
        self.ids = range(number * IDS, (number + 1) * IDS)
        self.allowed, self.versions = allowed, versions
        self.counts = collections.Counter()  # (path, status)
        self.failure = None
        self.stopping = False  # set before the server is made to end

    def run(self):
        try:
            while True:
                self.step()
        except (http.client.HTTPException, OSError) as error:
            if not self.stopping:
                self.failure = f"the connection broke: {error!r}"
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self.client.close()

    def step(self):
        keys = self.random.sample(self.ids, BATCH)
        if self.random.random() < 0.25:
            path, body, state = "/delete", {"ids": keys}, ABSENT
        else:
            state = next(self.versions)
            path = "/upsert"
            body = {"ids": keys, "vectors": [vector_of(key, state) for key in keys],
                    "fields": [{"version": state, "pad": "x" * PAD} for _ in keys]}
        for key in keys:
            self.allowed.setdefault(key, [ABSENT]).append(state)
        status, answer = self.client.post(path, {**NAMES, **body})
        self.counts[(path, status)] += 1
        if status == 200:
            for key in keys:
                self.allowed[key] = [state]
        elif status not in (503, 507):
            raise Wrong(f"{path}: {status} {answer}")
        elif not isinstance(answer.get("error"), str) or not answer.get("code"):
            raise Wrong(f"{path}: {status} without an error body: {answer}")
        else:
            time.sleep(0.02)


class Scene:
    def __init__(self, seed, disk, aside):
        self.random, self.disk, self.aside = random.Random(seed), disk, aside
        self.data, self.ballast_path = disk.path / "data", disk.path / "ballast"
        self.allowed = {}
        self.versions = iter(range(1, 1 << 30))
        self.server, self.writers = None, []
        self.totals = collections.Counter()
        self.slowest_resume = 0.0
        self.lost = self.compared = 0

    # ---- the disk

    def free(self):
        room = os.statvfs(self.disk.path)
        return room.f_bavail * room.f_frsize

    def leave(self, wanted):
        """A ballast so large that only so much is free."""
        with open(self.ballast_path, "ab", buffering=0) as ballast:  # close() has nothing to write
            try:
                while self.free() > wanted:
                    ballast.write(bytes(max(1, min(1 << 20, self.free() - wanted))))
            except OSError:
                pass  # full it is

    def make_room(self):
        self.ballast_path.unlink(missing_ok=True)

    # ---- the gateway

    def start(self):
        settings = {**SMALL, "disk-reserve-bytes": RESERVE_BYTES}
        self.server = Server(GATEWAY, str(self.data), str(self.aside / "gateway.log"), settings)
        self.server.wait_ready()
        self.client = self.server.client()
        self.client.ask("/required_collection", dim=DIM, **NAMES)

    def write(self):
        self.writers = [Writer(i, self.server, self.random.random(), self.allowed, self.versions)
                        for i in range(WRITERS)]
        for writer in self.writers:
            writer.start()

    def gather(self):
        """The counts since the last time."""
        counts = collections.Counter()
        for writer in self.writers:
            expect(writer.failure is None, f"writer: {writer.failure}")
            counts.update(writer.counts)
        news = counts - self.totals_at_gather
        self.totals_at_gather = counts
        return news

    totals_at_gather = collections.Counter()

    def wait_for(self, path, status, seconds):
        """Until a writer gets this answer; the seconds it took."""
        began = time.monotonic()
        self.gather()
        while True:
            news = self.gather()
            if news[(path, status)]:
                return time.monotonic() - began
            expect(self.server.ended_by_itself() is None,
                   f"the gateway ended with {self.server.ended_by_itself()}")
            expect(time.monotonic() - began < seconds,
                   f"no {status} to {path} within {seconds} s, but {dict(news)}")
            time.sleep(0.05)

    def ready(self):
        return self.client.get("/readyz")[0]

    def wait_ready(self, status, seconds):
        until = time.monotonic() + seconds
        while self.ready() != status:
            expect(time.monotonic() < until, f"/readyz is not {status} within {seconds} s")
            time.sleep(0.05)

    def check_reads(self):
        expect(self.client.get("/healthz")[0] == 200, "/healthz")
        answer = self.client.ask("/search", vector=[0.0] * DIM, k=10, **NAMES)
        expect(len(answer["items"]["ids"]) == 10, "a search finds too few rows")
        self.client.ask("/query_vectors", filter_ids=[], **NAMES)
        expect(self.client.get("/metrics")[0] == 200, "/metrics")

    def push(self):
        """Requests that write nothing of their own must not break anything either."""
        for path in ("/flush", "/commit", "/checkpoint"):
            status, answer = self.client.post(path, NAMES)
            expect(status in (200, 503, 507), f"{path}: {status} {answer}")

    def end(self, how):
        for writer in self.writers:
            writer.stopping = True
        server, self.server = self.server, None
        code = server.kill() if how == "kill" else server.stop()
        for writer in self.writers:
            writer.join(60)
            expect(not writer.is_alive(), "a writer is stuck")
            expect(writer.failure is None, f"writer: {writer.failure}")
            self.totals.update(writer.counts)
        self.writers, self.totals_at_gather = [], collections.Counter()
        if how == "stop":
            expect(code in (0, 1), f"after SIGTERM on a full disk the gateway ended with {code}")

    def compare(self):
        vectors, ids, fields = self.client.ask("/query_vectors", **NAMES)["result"]
        found = {key: (vector, row) for key, vector, row in zip(ids, vectors, fields)}
        for key, states in self.allowed.items():
            self.compared += 1
            vector, row = found.pop(key, (None, {}))
            version = row.get("version")
            if version not in states or version and vector != vector_of(key, version):
                self.lost += 1
                raise Wrong(f"{key_text(key)}: version {version} found, {states} allowed")
            self.allowed[key] = [version]
        expect(not found, f"rows that nobody wrote: {list(found)[:5]}")

    # ---- the story

    def reserve(self):
        """Down to the reserve: no inserts, all else."""
        self.wait_for("/upsert", 200, 20)
        self.leave(RESERVE_BYTES // 2)
        self.wait_for("/upsert", 507, 20)
        self.wait_ready(503, 5)
        self.wait_for("/delete", 200, 20)
        self.check_reads()
        self.push()
        self.resume()

    def nothing(self):
        """Down to nothing: whatever is answered, reads go on."""
        self.leave(0)
        until = time.monotonic() + 1 + self.random.random() * 2
        while time.monotonic() < until:
            self.check_reads()
            self.push()
            self.leave(0)
            self.gather()
        self.wait_ready(503, 5)

    def resume(self):
        self.make_room()
        took = self.wait_for("/upsert", 200, RESUME_SECONDS)
        self.wait_ready(200, RESUME_SECONDS)
        self.slowest_resume = max(self.slowest_resume, took)

    def open_when_full(self):
        """It opens, or says why not and leaves everything as it was."""
        try:
            self.start()
        except RuntimeError:
            code = self.server.process.wait()
            expect(code == 1, f"opening on a full disk the gateway ended with {code}")
            return
        self.end("kill")

    def round(self):
        for how in ("stop", "kill"):
            self.start()
            self.write()
            self.reserve()
            self.nothing()
            self.resume()
            self.nothing()
            self.end(how)
            if how == "kill":
                self.open_when_full()
            self.make_room()
            findings = fsck(CLI, str(self.data))
            expect(not findings, f"fsck: {findings}")
            self.start()
            self.compare()
            self.end("stop")

    def close(self):
        if self.server:
            self.server.kill()


def run(args, seed, disk, aside):
    began, why = time.monotonic(), None
    scene = Scene(seed, disk, aside)
    rounds = 0
    try:
        while rounds < args.rounds:
            shutil.rmtree(scene.data, ignore_errors=True)
            scene.allowed.clear()
            scene.round()
            rounds += 1
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    finally:
        scene.close()
    answers = ", ".join(f"{n} of {p} {s}" for (p, s), n in sorted(scene.totals.items()))
    print(f"crash.diskfull: seed {seed}, {rounds} rounds; {answers}; {scene.compared} rows "
          f"compared, {scene.lost} lost; slowest resume {scene.slowest_resume:.1f} s; "
          f"{time.monotonic() - began:.0f} s")
    if why:
        print(f"FAILED: {why}")
        log = aside / "gateway.log"
        print(log.read_text(errors="replace")[-2000:] if log.exists() else "no log")
    return 1 if why else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    try:
        disk = harness_disk.SmallDisk(DISK_BYTES)
    except harness_disk.Unsupported as error:
        print(f"crash.diskfull: skipped: {error}")
        return 77
    aside = harness_disk.make_aside(in_memory=False)
    try:
        return run(args, seed, disk, Path(aside))
    finally:
        disk.close()
        shutil.rmtree(aside, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
