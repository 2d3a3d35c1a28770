"""The gateway under test, for tests that speak raw HTTP: the program named by VARVE_GATEWAY, on any
free port, with a folder of its own, and always ended."""
import json
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("VARVE_GATEWAY", str(ROOT / "build" / "varve-gateway"))
MIB = 1 << 20

# Tests open thousands of connections; the gateway inherits the limit.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def post(path, body):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def post_head(path, length):
    """The head of a request whose body is still to come."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"


def chunked_head(path):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Gateway:
    def __init__(self, *flags, environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-http-")
        self.log_path = os.path.join(self.folder.name, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--port", "0", "--data-dir", self.folder.name + "/data", *flags],
                stdout=subprocess.PIPE, stderr=log, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline().decode()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            self.process.wait(10)
            raise RuntimeError(f"no port in {line!r}; log: {self.log()}")
        self.port = int(found.group(1))

    def log(self):
        return Path(self.log_path).read_text()

    def log_lines(self):
        return [json.loads(line) for line in self.log().splitlines()]

    def signal(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """The exit code after an orderly end; what does not end is killed."""
        try:
            if self.process.poll() is None:
                self.signal()
            return self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()
            self.folder.cleanup()

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, timeout=20):
        return Connection(self.port, timeout)

    def get(self, path, headers=""):
        with self.connect() as c:
            c.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n")
            return c.reply()

    def metric(self, name):
        reply = self.get("/metrics")
        if reply is None:
            raise AssertionError(f"/metrics was not answered; log: {self.log()[-4000:]}")
        for line in reply.body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Reply({self.status}, {self.headers}, {self.body[:200]!r})"


class Connection:
    """A socket and what came in over it, so that replies can be read one after the other."""

    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def more(self):
        """False at the end of the stream, however it came."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.bytes += data
        return bool(data)

    def reply(self):
        """The next reply, or None when the server closed without one."""
        while b"\r\n\r\n" not in self.bytes:
            if not self.more():
                return None
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        if status == 100:
            return self.reply()
        length = int(headers.get("content-length", 0))
        while len(self.bytes) < length:
            if not self.more():
                return None
        body, self.bytes = self.bytes[:length], self.bytes[length:]
        return Reply(status, headers, body)

    def is_closed(self, seconds=5):
        """Does the server end the connection, without another byte?"""
        self.socket.settimeout(seconds)
        try:
            return not self.more()
        except socket.timeout:
            return False

    def seconds_to_close(self):
        began = time.monotonic()
        while self.more():
            pass
        return time.monotonic() - began


class SharedGateway(unittest.TestCase):
    """One gateway for all tests of a class; it must still end in order after them."""
    flags = ()
    environment = None

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(*cls.flags, environment=cls.environment)

    @classmethod
    def tearDownClass(cls):
        code = cls.gateway.stop()
        assert code == 0, f"exit code {code}"

    def assert_alive(self):
        self.assertEqual(self.gateway.get("/healthz").json(), {"status": "ok"})
