"""The gateway that a harness torments: started, asked, killed. Only processes started here are
ended, each by its own id."""

import http.client
import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.parse

START_SECONDS = 60
ANSWER_SECONDS = 60

# Small, so that seals, spilled sessions and checkpoints happen all the time.
SMALL = {
    "seal-rows": 150,
    "seal-rows-min": 8,
    "seal-ms": 400,
    "session-memory-max": 1 << 17,
    "bulk-segment-bytes": 32768,
    "row-buffer-bytes": 1 << 20,
    "block-cache-bytes": 1 << 20,
    "floor-ms": 20,
    "disk-reserve-bytes": 1 << 20,
}


class Client:
    """One keep-alive connection; every error is the caller's to judge."""

    def __init__(self, port, timeout=ANSWER_SECONDS):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def close(self):
        self.http.close()

    def send(self, path, body, content_type, query=None, length=None):
        """(status, bytes). body: bytes, or an iterable of `length` bytes in all."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = {"Content-Type": content_type}
        if length is not None:
            headers["Content-Length"] = str(length)
        self.http.request("POST", path, body, headers)
        reply = self.http.getresponse()
        return reply.status, reply.read()

    def post(self, path, body):
        """(status, parsed JSON)"""
        status, data = self.send(path, json.dumps(body).encode(), "application/json")
        return status, json.loads(data)

    def binary(self, path, body, query, length=None):
        status, data = self.send(path, body, "application/octet-stream", query, length)
        return status, json.loads(data)

    def get(self, path):
        self.http.request("GET", path)
        reply = self.http.getresponse()
        return reply.status, reply.read()

    def ask(self, path, **body):
        """params of a reply that must be a success"""
        status, answer = self.post(path, body)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        return answer["params"]


class Server:
    def __init__(self, program, folder, log_path, settings):
        self.log = open(log_path, "ab")
        flags = [f"--{name}={value}" for name, value in settings.items()]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("VARVE_", "LYNSE_"))}
        env.pop("PORT", None)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "--port", "0", "--data-dir", folder, "--log-level", "warn",
             "--no-audit-log", *flags],
            stdout=subprocess.PIPE, stderr=self.log, env=env)
        self.port = None

    def wait_ready(self):
        """Seconds from the start of the process until it answers."""
        while True:
            left = self.began + START_SECONDS - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise RuntimeError("the gateway does not open its folder in time")
            line = self.process.stdout.readline().decode()
            found = re.search(r":(\d+)$", line.strip())
            if found:
                self.port = int(found.group(1))
                return time.monotonic() - self.began
            if not line:
                raise RuntimeError(f"the gateway ended with {self.process.wait()} while opening")

    def client(self, timeout=ANSWER_SECONDS):
        return Client(self.port, timeout)

    def _ended(self):
        self.process.stdout.close()
        self.log.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        return self._ended()

    def stop(self):
        """The exit code of an orderly end, within its time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise RuntimeError("the gateway does not end after SIGTERM") from error
        return self._ended()

    def ended_by_itself(self):
        """None while it runs; the code otherwise, negative for a signal."""
        return self.process.poll()


def fsck(program, folder):
    """Findings of a closed folder: [] when it is sound."""
    run = subprocess.run([program, "fsck", folder], capture_output=True, text=True, timeout=120)
    if run.returncode == 0:
        return []
    return [f"fsck ended with {run.returncode}"] + (run.stdout + run.stderr).splitlines()[:20]
