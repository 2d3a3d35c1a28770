"""What tests of backups share: a server with a repository, and the command that restores."""

import json
import subprocess
import time
from pathlib import Path

from server import PROGRAM, TIME_FACTOR, Collection, Server

VARVE = str(Path(PROGRAM).parent / "varve")
QUIET = ("--no-compactor", "--backup-interval-s", "0", "--no-backup-on-stop")


def until(what, seconds=20, step=0.05):
    """The first true value of what(), within a time."""
    deadline = time.monotonic() + seconds * TIME_FACTOR
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(step)


class Backups:
    """A server that backs up; `ok` returns params, `fails` the error body."""

    def __init__(self, repo, *flags, folder=None, quiet=QUIET):
        self.repo = str(repo)
        self.server = Server("--backup-repo", self.repo, *quiet, *flags, folder=folder)
        self.connect()

    def connect(self):
        self.client = self.server.client()

    def restart(self, kill=False):
        self.client.close()
        self.server.kill() if kill else self.server.stop()
        self.server.start()
        self.connect()

    def stop(self):
        self.client.close()
        return self.server.stop()

    def done(self):
        self.client.close()
        self.server.done()

    def post(self, path, **body):
        return self.client.post("/admin/" + path, body)

    def ok(self, path, want=200, /, **body):
        status, answer = self.post(path, **body)
        assert status == want, (path, body, status, answer)
        assert answer["status"] == "success" and "error" not in answer
        return answer["params"]

    def fails(self, status, text, path, /, **body):
        got, answer = self.post(path, **body)
        assert got == status and text in answer["error"] and answer["code"], (got, answer)
        return answer

    def create(self, **order):
        return self.ok("backups", wait=True, **order)

    def get(self, path):
        return self.client.get("/admin/" + path)["params"]

    def job(self, job):
        return self.get(f"backup/jobs/{job}")["job"]

    def status(self):
        return self.get("backup/status")

    def snapshots(self):
        """Oldest first."""
        return self.get("backups")["snapshots"][::-1]

    def until_connected(self):
        until(lambda: self.status()["repository"]["lease"] == "held")
        return self

    def metrics(self):
        _, _, text = self.client.request("GET", "/metrics")
        lines = [line.rpartition(" ") for line in text.decode().splitlines() if line[0] != "#"]
        return {name: float(value) for name, _, value in lines}

    def log_lines(self):
        text = Path(self.server.log.name).read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def collection(self, name="c", **arguments):
        c = Collection(self.client, "d", name)
        assert self.client.post("/create_database", {"database_name": "d"})[0] == 200
        c.ok("required_collection", **{"dim": 2, **arguments})
        return c

    def rows(self, name="c"):
        return rows_of(self.client, name)


def rows_of(client, name="c"):
    """{id: fields} of what is live."""
    rows = Collection(client, "d", name).ok("query")["result"]
    return {row.pop("id"): row for row in rows}


def put(c, *ids, word="a", route="upsert"):
    c.ok(route, ids=list(ids), vectors=[[i, 1] for i in ids], fields=[{"v": word} for _ in ids])


def break_repository(b):
    """Where snapshots and the lease lie, nothing can be read or written any more."""
    Path(b.repo, "db").rename(b.repo + ".gone")
    Path(b.repo, "db").write_text("no folder")


def mend_repository(b):
    Path(b.repo, "db").unlink()
    Path(b.repo + ".gone").rename(Path(b.repo, "db"))


def command(*arguments, code=0):
    done = subprocess.run(
        [VARVE, *map(str, arguments)], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == code, (arguments, done.stdout, done.stderr)
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def restore(repo, to, *flags, code=0):
    return command("backup", "restore", "--repo", repo, "--to", to, *flags, code=code)


class Restored:
    """A restored folder, served for as long as the test looks at it."""

    def __init__(self, repo, to, *flags):
        restore(repo, to, *flags)
        self.server = Server("--no-compactor", folder=str(to))
        self.client = self.server.client()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.client.close()
        self.server.stop()

    def collection(self, name="c"):
        return Collection(self.client, "d", name)

    def rows(self, name="c"):
        return rows_of(self.client, name)
