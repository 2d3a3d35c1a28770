#!/usr/bin/env python3
"""Backups measured: what a writer and a searcher notice of them, what a second one uploads, and how
fast one comes back from an object store on this machine. JSON lines as of varve-bench.

    bench/backup.py load      [--rows N] [--dim D] [--seconds S] [--rate BYTES]
    bench/backup.py increment [--rows N] [--dim D] [--share PERCENT]
    bench/backup.py restore   [--rows N] [--dim D] [--store folder|fake|swift]
    all: [--build DIR] [--dir PATH]

load: a server, one writer that sends durable batches as fast as they are answered, one searcher;
each phase as long as the others: idle (searches alone), writes, writes with one backup after the
other, writes again. increment: rows replaced at random places, and in one run. restore: from the
store into a new folder, checked and opened; in the same run `cp -r` and `sha256sum` of its bytes.
"""

import argparse
import base64
import http.client
import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[1]
SECRET_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL_S3")
BATCH = 100  # rows of a write
PHASES = ("idle", "writes", "backups", "writes again")


def result(name, value, unit, ratio=None, ratio_to=None, conditions=""):
    line = {"name": "backup." + name, "value": value, "unit": unit, "ratio": ratio,
            "ratio_to": ratio_to, "conditions": conditions}  # fmt: skip
    print(json.dumps(line), flush=True)


class Bench:
    def __init__(self, arguments):
        self.a = arguments
        self.varve = str(Path(arguments.build) / "varve")
        self.folder = Path(tempfile.mkdtemp(prefix="varve-backup-", dir=arguments.dir))
        self.data, self.repo = self.folder / "data", str(self.folder / "repo")
        self.random = numpy.random.default_rng(1)

    def run(self, *arguments):
        done = subprocess.run(
            [self.varve, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"varve {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def backup(self):
        return json.loads(self.run("backup", "create", self.data, "--repo", self.repo, "--json"))

    def vectors(self, rows):
        return self.random.standard_normal((rows, self.a.dim), dtype="f4")

    def fill(self):
        """Rows with a number and a word, all of them in segments."""
        rows, fields = self.a.rows, self.folder / "fields.ndjson"
        numpy.save(self.folder / "base.npy", self.vectors(rows))
        with open(fields, "w", encoding="utf-8") as out:
            out.writelines(f'{{"n": {i}, "word": "row {i}"}}\n' for i in range(rows))
        self.run("import", self.folder / "base.npy", "--to", self.data, "-c", "docs",
                 "--fields-from", fields, "--ids-start", 0)  # fmt: skip
        for name in ("base.npy", "fields.ndjson"):
            os.remove(self.folder / name)
        return f"{rows} rows x {self.a.dim} float32"


# ---- load


def post(connection, path, body, query=None, kind="application/json"):
    path += "?" + urllib.parse.urlencode(query) if query else ""
    connection.request("POST", path, body, {"Content-Type": kind})
    reply = connection.getresponse()
    data = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply.status} {data[:300]}")


def call_until(stop, out, call):
    """(end, seconds) of every call, to `out` at the end."""
    times = []
    while not stop.is_set():
        begin = time.monotonic()
        call()
        times.append((time.monotonic(), time.monotonic() - begin))
    out.send(times)


def write_loop(port, dim, stop, out):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = numpy.random.default_rng(2).standard_normal((BATCH, dim), dtype="<f4").tobytes()
    query = {"database_name": "default", "collection_name": "docs", "dim": dim, "n_vectors": BATCH}
    call_until(stop, out, lambda: post(connection, "/bulk_add_binary", body, query,
                                       "application/octet-stream"))  # fmt: skip


def search_loop(port, dim, stop, out):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    vector = numpy.random.default_rng(3).standard_normal(dim).tolist()
    body = json.dumps({"database_name": "default", "collection_name": "docs", "vector": vector,
                       "k": 10})  # fmt: skip
    call_until(stop, out, lambda: post(connection, "/search", body))


class Loop:
    def __init__(self, target, *arguments):
        self.stop = multiprocessing.Event()
        self.times, out = multiprocessing.Pipe(False)
        self.process = multiprocessing.Process(target=target, args=(*arguments, self.stop, out))
        self.process.start()

    def end(self):
        self.stop.set()
        times = self.times.recv()
        self.process.join()
        return times


def start_server(bench):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(
        [Path(bench.a.build) / "varve-gateway", "--data-dir", bench.data, "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, port
        except OSError:
            time.sleep(0.1)
    sys.exit("the server does not answer")


def percentiles(times):
    ms = sorted(seconds * 1000 for _, seconds in times)
    p50, p99 = ms[len(ms) // 2], ms[len(ms) * 99 // 100]
    return {"p50": p50, "p99": p99, "max": ms[-1], "count": len(ms)}


def measure_phase(bench, port, phase):
    """Percentiles of writes (None where there are none) and searches, and the backups made."""
    loops = {"search": Loop(search_loop, port, bench.a.dim)}
    if phase != "idle":
        loops["write"] = Loop(write_loop, port, bench.a.dim)
    made, end = [], time.monotonic() + bench.a.seconds
    while time.monotonic() < end:
        if phase == "backups":
            rate = ["--rate", bench.a.rate] if bench.a.rate else []
            made.append(json.loads(bench.run("backup", "create", bench.data, "--repo", bench.repo,
                                             "--json", *rate)))  # fmt: skip
        else:
            time.sleep(0.05)
    return {name: percentiles(loop.end()) for name, loop in loops.items()}, made


def load(bench):
    about = bench.fill()
    server, port = start_server(bench)
    try:
        phases = {phase: measure_phase(bench, port, phase) for phase in PHASES}
    finally:
        server.terminate()
        server.wait()
    for name, base in (("search", "idle"), ("search", "writes"), ("write", "writes")):
        for phase in PHASES:
            p = phases[phase][0].get(name)
            if not p or (name, base, phase) == ("search", "writes", "idle"):
                continue
            beside = phases[base][0][name]["p99"]
            made = phases[phase][1]
            result(f"load.{name}.{phase.replace(' ', '_')}.p99", round(p["p99"], 3), "ms",
                   round(p["p99"] / beside, 3), f"p99 of '{base}'",
                   f"p50 {p['p50']:.3f} ms, longest {p['max']:.3f} ms, {p['count']} calls in "
                   f"{bench.a.seconds} s; {len(made)} backups of "
                   f"{sum(b['bytes_new'] for b in made) >> 20} MiB new; writes of {BATCH} rows; "
                   f"{about}; {os.cpu_count()} processors")  # fmt: skip


# ---- increment


def increment(bench):
    about = bench.fill()
    first = bench.backup()
    result("increment.first", first["bytes_new"], "bytes", None, None, about)
    count = max(1, int(bench.a.rows * bench.a.share / 100))
    start = bench.a.rows // 3
    for how, ids in (("random", bench.random.choice(bench.a.rows, count, replace=False)),
                     ("clustered", range(start, start + count))):  # fmt: skip
        path, vectors = bench.folder / "some.ndjson", bench.vectors(count)
        with open(path, "w", encoding="utf-8") as out:
            for row, i in enumerate(ids):
                vector = base64.b64encode(vectors[row].tobytes()).decode()
                out.write(json.dumps({"id": int(i), "vector_b64": vector, "n": int(i)}) + "\n")
        bench.run("import", path, "--to", bench.data, "-c", "docs", "--upsert")
        second = bench.backup()
        share = second["bytes_new"] / second["bytes"]
        result(f"increment.{how}", second["bytes_new"], "bytes", round(share, 5),
               "bytes of the snapshot", f"{count} of {about} replaced; {second['files_new']} of "
               f"{second['files']} files new")  # fmt: skip
    bench.run("compact", bench.data, "-c", "docs")
    after = bench.backup()
    result("increment.compacted", after["bytes_new"], "bytes",
           round(after["bytes_new"] / after["bytes"], 5), "bytes of the snapshot",
           "after `varve compact`, which writes segments anew")  # fmt: skip


# ---- restore


def open_store(bench):
    """Its URL goes into the bench, how to reach it into the environment; what ends it."""
    sys.path.insert(0, str(ROOT / "tests" / "s3"))
    if bench.a.store == "folder":
        return lambda: None
    if bench.a.store == "fake":
        server = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "s3" / "s3_fake.py", "--page", "1000"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        endpoint, bucket, key, secret, region = server.stdout.readline().split()
        close = server.terminate
    else:
        import s3_real

        data = s3_real.data_folder(bench.folder / "swift")
        swift = s3_real.Swift(s3_real.install(bench.a.packages), data)
        endpoint, bucket, close = swift.url, s3_real.BUCKET, swift.close
        key, secret, region = s3_real.ACCESS, s3_real.SECRET, s3_real.REGION
    os.environ.update(zip(SECRET_KEYS, (key, secret, region, endpoint)))
    bench.repo = f"s3://{bucket}/backup"
    return close


def copy_and_sum(source, target):
    """Seconds of what a careful person does by hand."""
    begin = time.monotonic()
    subprocess.run(["cp", "-r", source, target], check=True)
    subprocess.run(["sync", "-f", target], check=True)
    files = [str(p) for p in sorted(Path(target).rglob("*")) if p.is_file()]
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    shutil.rmtree(target)
    return seconds


def restore(bench):
    about = bench.fill()
    close = open_store(bench)
    try:
        begin = time.monotonic()
        first = bench.backup()
        took = time.monotonic() - begin
        result("restore.create", round(took, 3), "s", None, None,
               f"{first['bytes'] >> 20} MiB to {bench.a.store}; {about}")  # fmt: skip
        rounds = []
        for i in range(bench.a.rounds):
            target = bench.folder / "restored"
            begin = time.monotonic()
            bench.run("backup", "restore", "--repo", bench.repo, "--to", target)
            mine = time.monotonic() - begin
            rounds.append((mine, copy_and_sum(target, bench.folder / "copied")))
            if i == 0:
                assert "sound" in bench.run("fsck", target)
            shutil.rmtree(target)
    finally:
        close()
    mine, theirs = sorted(rounds)[len(rounds) // 2]
    result("restore.restore", round(mine, 3), "s", round(mine / theirs, 3),
           "cp -r, sync, sha256sum",
           f"{first['bytes'] / mine / 1e6:.0f} MB/s from {bench.a.store}, checked and opened, "
           f"compared; cp -r and sha256sum {theirs:.3f} s; {about}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["load", "increment", "restore"])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--seconds", type=int, default=20, help="of each phase")
    parser.add_argument("--rate", type=int, help="bytes a second that a backup may send")
    parser.add_argument("--share", type=float, default=1, help="percent of the rows replaced")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", choices=["folder", "fake", "swift"], default="fake")
    parser.add_argument("--packages", default=str(ROOT / "build" / "swift"), help="kept here")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--dir", default=tempfile.gettempdir())
    bench = Bench(parser.parse_args())
    try:
        {"load": load, "increment": increment, "restore": restore}[bench.a.what](bench)
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
