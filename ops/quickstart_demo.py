"""The demo of ops/quickstart: the real server, the bundled data, every claim checked.

Ends with exit code 1 and one sentence as soon as a result is not what it has to be."""
import argparse
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARVE = ROOT / "build" / "varve"
DATA = ROOT / "bench" / "data"
NAMES = {"database_name": "quickstart", "collection_name": "packages"}
PORT = 7637
ROWS, DIM, QUERY_COUNT, TRUTH_K = 8000, 384, 200, 100
QUERIES = (20, 58, 82)  # of bench/data/queries.ndjson, to be shown
SHOWN = 3
START_SECONDS = 60
STOP_SECONDS = 60
REQUEST_SECONDS = 60
IMPORT_SECONDS = 300


class Failed(Exception):
    """A claim that does not hold, or a step that was refused."""


def say(text=""):
    print(text, flush=True)


def claim(holds, text):
    if not holds:
        raise Failed(text)


def npy_row(name, row, width, letter):
    """One row of a .npy file of version 1.0, whose header is 128 bytes."""
    size = struct.calcsize(f"<{width}{letter}")
    with open(DATA / name, "rb") as file:
        file.seek(128 + row * size)
        return list(struct.unpack(f"<{width}{letter}", file.read(size)))


def query_of(row):
    """(text, vector, row numbers of the nearest packages) as the data set has them."""
    line = (DATA / "queries.ndjson").read_text(encoding="utf-8").splitlines()[row]
    return (json.loads(line)["query"], npy_row("queries.f16.npy", row, DIM, "e"),
            npy_row("truth.top100.i32.npy", row, TRUTH_K, "i"))


def free_port(wanted):
    """The port asked for, else 7637, else any free one."""
    for port in [wanted] if wanted is not None else [PORT, 0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError as error:
                if wanted is not None:
                    raise Failed(f"port {port}: {error.strerror}") from error
    raise Failed("no free port")


class Server:
    def __init__(self, folder, port, log_path):
        self.folder, self.port, self.log_path = folder, port, log_path
        self.url = f"http://127.0.0.1:{port}"
        self.process = None

    def start(self):
        """Seconds until it answers that it is ready."""
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [VARVE, "serve", "--data-dir", self.folder, "--port", str(self.port)],
                stdout=log, stderr=log)
        while not self.is_ready():
            claim(self.process.poll() is None, f"the server ended at once\n{self.log_tail()}")
            claim(time.monotonic() - began < START_SECONDS, "the server does not get ready")
            time.sleep(0.005)
        return time.monotonic() - began

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def log_tail(self):
        return Path(self.log_path).read_text(encoding="utf-8", errors="replace")[-2000:]

    def call(self, path, **body):
        data = json.dumps({**NAMES, **body}).encode()
        request = urllib.request.Request(self.url + path, data,
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as reply:
                return json.load(reply)["params"]
        except urllib.error.HTTPError as error:
            raise Failed(f"{path} answered {error.code}: {error.read().decode()}") from error

    def live(self):
        return self.call("/stats")["stats"]["n_live"]

    def search(self, vector, k):
        """[(id, score, fields)], best first."""
        items = self.call("/search", vector=vector, k=k, return_fields=True)["items"]
        return list(zip(items["ids"], items["scores"], items["fields"]))

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Failed("the server does not stop") from late
        claim(status == 0, f"the server ended with {status}\n{self.log_tail()}")

    def end(self):
        """Whatever happened: no process is left behind."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


def run_varve(*arguments, seconds):
    done = subprocess.run([VARVE, *arguments], stdout=subprocess.PIPE, text=True, timeout=seconds,
                          check=False)
    claim(done.returncode == 0, f"varve {arguments[0]} failed\n{done.stdout}")
    return done.stdout.strip().splitlines()


def ingest(server):
    size = sum((DATA / f"packages.{end}").stat().st_size for end in ("f16.npy", "ndjson.zst"))
    say(f"\n== bulk ingest over HTTP: {ROWS} Debian packages, {DIM} dimensions, fields "
        f"({size / 1e6:.1f} MB)")
    server.call("/create_database")
    server.call("/drop_collection")  # left by an earlier quickstart in this folder
    lines = run_varve("import", str(DATA / "packages.f16.npy"), "--fields-from",
                      str(DATA / "packages.ndjson.zst"), "--to", server.url, "--database",
                      NAMES["database_name"], "--collection", NAMES["collection_name"],
                      "--ids-start", "0", "--index-mode", "FLAT-IP", seconds=IMPORT_SECONDS)
    say(lines[-1])
    claim(server.live() == ROWS, f"{server.live()} rows after the import of {ROWS}")


def show(hits):
    for row, score, fields in hits[:SHOWN]:
        say(f"   {score:.3f}  {fields['name']} — {fields['summary']}  [row {row}]")


def search_all(server):
    """The answers to every query, each compared with the exact one that comes with the data."""
    answers = []
    for row in QUERIES:
        text, vector, truth = query_of(row)
        began = time.monotonic()
        hits = server.search(vector, TRUTH_K)
        spent_ms = (time.monotonic() - began) * 1000
        claim([hit[0] for hit in hits] == truth, f"query {row}: not the exact {TRUTH_K} nearest")
        answers.append((text, hits, spent_ms))
    return answers


def search_batch(server):
    """All queries of the set in one request; seconds."""
    vectors, truths = zip(*(query_of(row)[1:] for row in range(QUERY_COUNT)))
    began = time.monotonic()
    results = server.call("/batch_search", vectors=vectors, k=TRUTH_K)["results"]
    spent = time.monotonic() - began
    for row, (result, truth) in enumerate(zip(results, truths)):
        claim(result["ids"] == truth, f"query {row} in a batch: not the exact {TRUTH_K} nearest")
    claim(len(results) == QUERY_COUNT, f"{len(results)} results of {QUERY_COUNT}")
    return spent


def show_searches(server):
    say(f"\n== search (each answer equals the exact top {TRUTH_K} that comes with the data)")
    answers = search_all(server)
    for text, hits, spent_ms in answers:
        say(f' "{text}"  ({spent_ms:.1f} ms)')
        show(hits)
    spent_ms = search_batch(server) * 1000
    say(f" all {QUERY_COUNT} queries of the set in one request: {spent_ms:.0f} ms, "
        f"{QUERY_COUNT * TRUTH_K} hits, each the exact one")


def delete_and_restore(server):
    text, vector, _ = query_of(QUERIES[0])
    before = server.search(vector, SHOWN)
    row, _, fields = before[0]
    say(f"\n== delete and restore {fields['name']} [row {row}]")
    server.call("/delete", ids=[row])
    after = server.search(vector, SHOWN)
    claim(row not in [hit[0] for hit in after], "a deleted row was found")
    claim(after[:2] == before[1:], "the other hits changed")
    claim(server.live() == ROWS - 1, "the count did not fall by one")
    say(f' deleted; "{text}" now finds')
    show(after)
    server.call("/restore", ids=[row])
    claim(server.search(vector, SHOWN) == before, "the restored row is not back as it was")
    claim(server.live() == ROWS, "the count is not back")
    say(f" restored: {fields['name']} is first again, {ROWS} rows")


def crash_and_recover(server):
    """One more row is acknowledged, then the process dies: the row must be there afterwards."""
    say("\n== kill -9 right after a write was acknowledged, then start again")
    before = search_all(server)
    last = {"name": "written-last", "summary": "acknowledged just before the kill"}
    server.call("/add", ids=[ROWS], vectors=[[-0.5] + [0.0] * (DIM - 1)], fields=[last])
    server.kill()
    spent = server.start()
    claim(server.live() == ROWS + 1, f"{server.live()} rows after recovery, not {ROWS + 1}")
    found = server.call("/query", filter_ids=[ROWS])["result"]
    claim(found == [{**last, "id": ROWS}], f"the last row is {found}")
    for old, new in zip(before, search_all(server)):
        claim(old[1] == new[1], f'"{old[0]}" has another answer after recovery')
    say(f" ready again {spent * 1000:.0f} ms after the start of the process")
    say(f" {ROWS + 1} rows, the last one among them; all searches answer as before")


def stop_and_check(server):
    say("\n== graceful stop, then fsck of the folder")
    server.stop()
    lines = run_varve("fsck", server.folder, seconds=STOP_SECONDS)
    claim(lines and lines[-1].endswith("sound"), f"fsck says {lines}")
    say(" " + lines[-1])


def stay(server):
    server.start()
    names = json.dumps(NAMES)
    say(f"\n== the server stays up at {server.url} (data: {server.folder})\n"
        f"   curl -s {server.url}/stats -H 'Content-Type: application/json' -d '{names}'\n"
        f"   build/varve search {server.url} --database {NAMES['database_name']} "
        f"--collection {NAMES['collection_name']} \\\n"
        f"       --vector-file bench/data/queries.f16.npy --row 2 --fields\n"
        f"   Ctrl-C stops it.")
    try:
        server.process.wait()
    except KeyboardInterrupt:
        say("stopping")
    server.end()


def demo(arguments, work):
    folder = arguments.data_dir or (os.path.join(work, "data") if arguments.once
                                    else str(ROOT / "build" / "quickstart-data"))
    server = Server(folder, free_port(arguments.port), os.path.join(work, "server.log"))
    try:
        say(f"server ready in {server.start() * 1000:.0f} ms at {server.url}")
        ingest(server)
        show_searches(server)
        delete_and_restore(server)
        crash_and_recover(server)
        stop_and_check(server)
        if not arguments.once:
            stay(server)
    finally:
        server.end()
    say("\nall of it held" if arguments.once else "")


def main():
    parser = argparse.ArgumentParser(prog="ops/quickstart", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the demo")
    parser.add_argument("--port", type=int, help=f"port (default: {PORT}, or any when it is taken)")
    parser.add_argument("--data-dir", help="folder (default: build/quickstart-data; with --once a "
                                           "temporary one)")
    arguments = parser.parse_args()
    work = tempfile.mkdtemp(prefix="varve-quickstart-")
    os.environ["no_proxy"] = "127.0.0.1"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo(arguments, work)
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        sys.exit(f"quickstart failed: {error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
