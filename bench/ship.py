"""What remote durability costs: the gateway with its log shipped into a folder, and into our fake
S3 server (tests/s3) in a process of its own, with a time for each of its answers.

    bench/ship.py --build build [--seconds 5] [--writers 16] [--latency-ms 0 20]

A JSON line per run: time from a write to its answer (p50, p99, of one row each), writes per second,
objects of the log, and how far the repository was behind (p99 over the objects, and the largest of
what /admin/ship told every 50 ms)."""

import argparse
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

S3 = Path(__file__).resolve().parents[1] / "tests" / "s3"
NAMES = {"database_name": "default", "collection_name": "c"}
DIM = 128

STORE = """
import sys, time
sys.path.insert(0, sys.argv[1])
from s3_fake import Fake, serve
class Slow(Fake):
    def handle(self, request):
        time.sleep(float(sys.argv[2]) / 1000)
        return super().handle(request)
fake = Slow(page=1000)
print(serve(fake).server_address[1], *fake.keys[:2], flush=True)
sys.stdin.read()
"""


class Folder:
    def __init__(self, aside, _):
        self.flags = ["--backup-repo", str(aside / "repo")]
        self.env = {}

    def close(self):
        pass


class Fake:
    def __init__(self, _, latency_ms):
        self.process = subprocess.Popen(
            [sys.executable, "-c", STORE, str(S3), str(latency_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        port, access, secret = self.process.stdout.readline().split()
        self.flags = ["--backup-repo", "s3://bucket/bench",
                      "--backup-endpoint", f"http://127.0.0.1:{port}"]  # fmt: skip
        self.env = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Client:
    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path, body):
        data = json.dumps({**NAMES, **body})
        self.http.request("POST", path, data, {"Content-Type": "application/json"})
        reply = self.http.getresponse()
        reply.read()
        assert reply.status == 200, (path, reply.status)

    def status(self):
        self.http.request("GET", "/admin/ship")
        return json.loads(self.http.getresponse().read())["params"]


def start(build, aside, store, durability):
    command = [
        f"{build}/varve-gateway", "--data-dir", str(aside / "data"), "--port", "0",
        "--log-level", "warn", "--no-audit-log", "--no-compactor", "--no-backup-on-stop",
        "--backup-ship", "--durability", durability, *store.flags,
    ]  # fmt: skip
    env = {**os.environ, **store.env}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    port = int(re.search(r":(\d+)$", process.stdout.readline().strip()).group(1))
    client = Client(port)
    while client.status()["phase"] != "running":
        time.sleep(0.05)
    client.post("/required_collection", {"dim": DIM})
    return process, port, client


def write(port, number, until, times):
    client, key, vector = Client(port), number * 10**9, [0.5] * DIM
    while time.monotonic() < until:
        began = time.monotonic()
        client.post("/add", {"ids": [key], "vectors": [vector]})
        times.append(time.monotonic() - began)
        key += 1


def quantile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def measure(port, client, writers, seconds):
    times, until, worst = [[] for _ in range(writers)], time.monotonic() + seconds, 0.0
    before = client.status()
    threads = [threading.Thread(target=write, args=(port, i, until, times[i]))
               for i in range(writers)]  # fmt: skip
    for t in threads:
        t.start()
    while time.monotonic() < until:
        worst = max(worst, client.status()["lag_seconds"])
        time.sleep(0.05)
    for t in threads:
        t.join()
    after, every = client.status(), sum(times, [])
    return {
        "writers": writers,
        "p50_ms": round(quantile(every, 0.5) * 1000, 2),
        "p99_ms": round(quantile(every, 0.99) * 1000, 2),
        "writes_per_s": round(len(every) / seconds),
        "objects": after["objects"] - before["objects"],
        "lag_p99_s": after["lag_seconds_p99"],
        "lag_worst_s": round(worst, 3),
    }


def run(args, make, latency_ms, durability, writers):
    aside = Path(tempfile.mkdtemp(prefix="varve-ship-"))
    store = make(aside, latency_ms)
    try:
        process, port, client = start(args.build, aside, store, durability)
        told = measure(port, client, writers, args.seconds)
        process.terminate()
        process.wait(60)
    finally:
        store.close()
        shutil.rmtree(aside, ignore_errors=True)
    place = make.__name__.lower() + (f"+{latency_ms}ms" if make is Fake else "")
    print(json.dumps({"store": place, "durability": durability, **told}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--latency-ms", type=float, nargs="*", default=[0, 20])
    args = parser.parse_args()
    places = [(Folder, 0), *((Fake, ms) for ms in args.latency_ms)]
    for make, latency_ms in places:
        for durability in ("local", "remote"):
            for writers in sorted({1, args.writers}):
                run(args, make, latency_ms, durability, writers)


if __name__ == "__main__":
    main()
