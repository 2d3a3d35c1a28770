"""The gateway under test: the real program, on a free port, with a folder of its own."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("VARVE_GATEWAY", str(ROOT / "build-dev" / "varve-gateway"))
SANITIZED = os.path.exists(PROGRAM) and b"__sanitizer" in Path(PROGRAM).read_bytes()
TIME_FACTOR = int(os.environ.get("VARVE_TIME_FACTOR", "1"))  # of instrumented builds
START_SECONDS = 20 * TIME_FACTOR


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Client:
    """One keep-alive connection."""

    def __init__(self, port, timeout=60):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout * TIME_FACTOR)

    def close(self):
        self.http.close()

    def request(self, method, path, body=None, headers=None, query=None):
        """(status, headers, bytes); a connection that was closed meanwhile is opened again."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        for last in (False, True):
            try:
                self.http.request(method, path, body, headers or {})
                reply = self.http.getresponse()
                return reply.status, reply.headers, reply.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.http.close()
                if last or not (body is None or isinstance(body, (bytes, bytearray))):
                    raise
        raise AssertionError("not reached")

    def post(self, path, body):
        """(status, parsed JSON) of a JSON route."""
        status, _, data = self.request(
            "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        return status, json.loads(data)

    def get(self, path):
        """Parsed JSON of a route that must succeed."""
        status, _, data = self.request("GET", path)
        assert status == 200, (path, status, data)
        return json.loads(data)

    def binary(self, path, body=b"", method="POST", **query):
        return self.request(
            method,
            path,
            body,
            {"Content-Type": "application/octet-stream"},
            {k: str(v).lower() if isinstance(v, bool) else v for k, v in query.items()},
        )


class Collection:
    """A collection as a test talks to it; `ok` returns params, `fails` the error body."""

    def __init__(self, client, database, name):
        self.client, self.database, self.name = client, database, name
        self.names = {"database_name": database, "collection_name": name}

    def call(self, route, /, **body):
        return self.client.post("/" + route, {**self.names, **body})

    def ok(self, route, /, **body):
        status, answer = self.call(route, **body)
        assert status == 200, (route, body, status, answer)
        assert answer["status"] == "success" and "error" not in answer
        return answer["params"]

    def fails(self, status, text, route, /, **body):
        got, answer = self.call(route, **body)
        assert got == status, (route, body, got, answer)
        assert text in answer["error"], answer
        assert "status" not in answer and answer["code"]
        return answer

    def raw(self, route, body=b"", method="POST", **query):
        return self.client.binary("/" + route, body, method, **self.names, **query)

    def raw_ok(self, route, body=b"", **query):
        status, headers, data = self.raw(route, body, **query)
        assert status == 200, (route, query, status, data)
        assert headers["Content-Type"].startswith("application/json")
        return json.loads(data)["params"]

    def raw_fails(self, status, text, route, body=b"", **query):
        got, _, data = self.raw(route, body, **query)
        assert got == status, (route, query, got, data)
        answer = json.loads(data)
        assert text in answer["error"], answer
        return answer


class Server:
    def __init__(self, *flags, folder=None):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="varve-api-")
        self.flags = flags
        self.process = None
        self.start()

    def start(self):
        self.killed = False
        self.port = free_port()
        self.log = open(self.folder + ".log", "ab")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("VARVE_", "LYNSE_"))}
        env.pop("PORT", None)
        self.process = subprocess.Popen(
            [
                *[PROGRAM, "--data-dir", self.folder, "--port", str(self.port)],
                *["--compact-nice", "0"],  # or else whatever runs beside the tests comes first
                *self.flags,
            ],
            stdout=self.log,
            stderr=self.log,
            env=env,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client = self.client(timeout=5)
                status, _, _ = client.request("GET", "/healthz")
                client.close()
                assert status == 200
                return
            except OSError:
                assert self.process.poll() is None, "the gateway ended: " + self.log_text()
                assert time.monotonic() < deadline, (
                    "the gateway does not answer: " + self.log_text()
                )
                time.sleep(0.02)

    def log_text(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-2000:]

    def client(self, timeout=60):
        return Client(self.port, timeout)

    def stop(self):
        """Ends as an operator would end it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60 * TIME_FACTOR)
        self.log.close()
        return status

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait()
        self.log.close()

    def memory_bytes(self):
        """Without mapped files, whose pages the system takes back as it likes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")

    def done(self):
        """A clean end, which is also where a sanitized build reports what leaked."""
        running = self.process.poll() is None
        status = self.stop() if running else 0 if self.killed else self.process.returncode
        text = Path(self.log.name).read_text(errors="replace")
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            Path(self.log.name).unlink(missing_ok=True)
        assert status == 0, text[-20000:]
