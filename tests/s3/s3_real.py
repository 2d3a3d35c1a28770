"""A real S3 server for tests: Debian's OpenStack Swift with its S3 dialect, four processes on
loopback. Its packages are unpacked into a folder of ours: nothing is installed, nobody else's
service started, and no privilege needed.

    s3_real.py install FOLDER        download and unpack, unless it is there
    s3_real.py run FOLDER            start, print endpoint and keys, stop with standard input

Why Swift: it checks signatures and sums (moto and s3rver do not, by default or at all), it is in
Debian, and it is not ours. What it cannot: puts on condition (501)."""

import http.client
import os
import pwd
import signal
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import s3_signature

PACKAGE = "python3-swift"
BUCKET, ACCESS, SECRET, REGION = "bucket", "test:tester", "testing", "us-east-1"
PAGE = 3  # keys of a list
START_SECONDS = 120

LAUNCH = """
import sys
import swift.common.utils
swift.common.utils.SWIFT_CONF_FILE = sys.argv[1]
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[2], sys.argv[3], verbose=True))
"""
RINGS = """
import sys
from swift.common.ring.builder import RingBuilder
folder, *ports = sys.argv[1:]
for name, port in zip(("account", "container", "object"), ports):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=int(port), device="d",
                         weight=1.0, meta="", replication_ip="127.0.0.1",
                         replication_port=int(port)))
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""
SHARED = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
log_level = WARNING
"""
SERVER = SHARED + """[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
PROXY = SHARED + """[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
max_bucket_listing = {page}
storage_domain = localhost
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class Unavailable(Exception):
    """The packages cannot be had here."""


class NotStarted(Exception):
    """They can, and do not work."""


# ---- packages


def run(*command, cwd=None):
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:3])}: {done.stderr.strip()[-300:]}")
    return done.stdout


def fetch(root, options):
    """Download and unpack PACKAGE with all that it needs and is not installed."""
    apt = ("apt-get", *options)
    lines = run(*apt, "install", "--print-uris", "-y", "--no-install-recommends", PACKAGE)
    names = [line.split()[1] for line in lines.splitlines() if line.startswith("'")]
    packages = ["=".join(name.split("_")[:2]).replace("%3a", ":") for name in names]
    if packages:
        run(*apt, "download", "-qq", *packages, cwd=root / "debs")
    for package in sorted((root / "debs").glob("*.deb")):
        run("dpkg", "-x", str(package), str(root))


def own_lists(root):
    """Options of apt-get with lists of packages of our own, fresh."""
    for name in ("lists/partial", "cache/archives/partial"):
        (root / name).mkdir(parents=True)
    options = ("-o", f"Dir::State::Lists={root}/lists", "-o", f"Dir::Cache={root}/cache")
    run("apt-get", *options, "update", "-qq")
    return options


def install(folder):
    """The folder with the packages' files."""
    root = Path(folder).absolute() / "swift-packages"
    if (root / "complete").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    (root / "debs").mkdir(parents=True)
    try:
        fetch(root, ())
    except Unavailable:  # the machine's lists are missing, or old
        fetch(root, own_lists(root))
    for name in ("debs", "lists", "cache"):
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "complete").touch()
    return root


# ---- the server


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Swift:
    """Started when made; close() ends it. Data go with the folder."""

    def __init__(self, packages, folder):
        self.packages, self.folder = Path(packages), Path(folder)
        self.processes = []
        (self.folder / "devices" / "d").mkdir(parents=True)
        account, container, objects, self.port = free_ports(4)
        self.url = f"http://127.0.0.1:{self.port}"
        self.write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = test\n")
        self.python("-c", RINGS, self.folder, account, container, objects).wait()
        for name, port in (("account", account), ("container", container), ("object", objects)):
            self.launch(name, SERVER, port)
        self.launch("proxy", PROXY, self.port)
        try:
            self.wait_until_up()
        except NotStarted:
            self.close()
            raise

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def python(self, *arguments):
        libraries = [str(p) for p in (self.packages / "usr/lib").glob("*-linux-gnu")]
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.packages / "usr/lib/python3/dist-packages"),
            "LD_LIBRARY_PATH": ":".join(libraries),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                ["/usr/bin/python3", *map(str, arguments)], env=environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def launch(self, name, configuration, port):
        user = pwd.getpwuid(os.getuid()).pw_name
        text = configuration.format(
            port=port, user=user, folder=self.folder, name=name, region=REGION, page=PAGE
        )
        self.write(f"{name}.conf", text)
        swift_conf = self.folder / "swift.conf"
        self.processes.append(
            self.python("-c", LAUNCH, swift_conf, self.folder / f"{name}.conf", f"{name}-server")
        )

    def request(self, method, path, query=""):
        """A signed request without a body; its status."""
        empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        date = datetime.now(timezone.utc).strftime(s3_signature.DATE)
        host = f"127.0.0.1:{self.port}"
        headers = {"host": host, "x-amz-date": date, "x-amz-content-sha256": empty}
        made = s3_signature.signature(
            method, path, query, headers, sorted(headers), SECRET, REGION, empty
        )
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={ACCESS}/{date[:8]}/{REGION}/s3/aws4_request,"
            f"SignedHeaders={';'.join(sorted(headers))},Signature={made}"
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path + ("?" + query if query else ""), headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def wait_until_up(self):
        """The bucket is made as soon as all four answer."""
        end, status = time.monotonic() + START_SECONDS, None
        while time.monotonic() < end:
            try:
                status = self.request("PUT", "/" + BUCKET)
            except OSError as error:
                status = error
            if status in (200, 409):
                return
            if any(process.poll() is not None for process in self.processes):
                break
            time.sleep(0.1)
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        raise NotStarted(f"swift does not start: {status}; {log[-1500:]}")

    def close(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def main():
    verb, folder = sys.argv[1:]
    packages = install(folder)
    if verb == "run":
        data = Path(folder) / f"swift-{os.getpid()}"
        server = Swift(packages, data)
        print(server.url, BUCKET, ACCESS, SECRET, REGION, flush=True)
        sys.stdin.read()
        server.close()
        shutil.rmtree(data)


if __name__ == "__main__":
    main()
