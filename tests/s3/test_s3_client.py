"""The S3 client against the strict fake, without faults: what is sent, what is checked, what is
refused, and where credentials come from."""

import hashlib
import json
import ssl
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from s3_fake import Object, serve
from s3_faults import Fault

MIB = 1 << 20


def data_of(size, seed=1):
    return hashlib.shake_128(bytes([seed])).digest(size)


def test_put_get_stat_list_delete(scene):
    tool, data = scene.tool, data_of(3000)
    tag = tool.ok("put", "a/b", scene.file("f", data)).decode().strip()
    assert tag == f'"{hashlib.md5(data).hexdigest()}"'
    assert scene.objects() == {"a/b": data}
    assert tool.ok("get", "a/b") == data == tool.ok("read", "a/b")
    size, modified, told = tool.ok("stat", "a/b").decode().split()
    assert (int(size), told) == (3000, tag)
    assert abs(int(modified) / 1000 - time.time()) < 100
    tool.ok("delete", "a/b")
    tool.ok("delete", "a/b")
    assert scene.objects() == {}
    for verb in ("get", "read", "stat"):
        result = tool(verb, "a/b")
        assert result.status == "NOT_FOUND" and "'a/b'" in result.err


def test_empty_object(scene):
    scene.tool.ok("put", "e", scene.file("f", b""))
    assert scene.tool.ok("get", "e") == b"" == scene.tool.ok("read", "e")
    scene.tool.ok("put-file", "e2", scene.file("f", b""))
    assert scene.objects() == {"e": b"", "e2": b""}


@pytest.mark.parametrize(
    "offset, length, expected",
    [(0, 10, "OK"), (5, 1, "OK"), (9, 1, "OK"), (0, 0, "OK"), (10, 0, "OK"), (11, 0, "CORRUPT"),
     (10, 1, "CORRUPT"), (0, 11, "CORRUPT"), (11, 5, "CORRUPT")],
)  # fmt: skip
def test_ranges(scene, offset, length, expected):
    data = data_of(10)
    scene.tool.ok("put", "k", scene.file("f", data))
    result = scene.tool("get", "k", offset, length)
    assert result.status == expected, result.err
    if expected == "OK":
        assert result.out == data[offset : offset + length]


def test_ranges_to_the_end(scene):
    scene.tool.ok("put", "k", scene.file("f", b"0123456789"))
    assert scene.tool.ok("get", "k", 7) == b"789"
    assert scene.tool.ok("get", "k", 10) == b""
    assert scene.tool("get", "k", 11).status == "CORRUPT"


def test_list(scene):
    keys = [f"wal/{i:03}" for i in range(10)] + ["a-1", "a/1", "a.1", "zz"]
    for key in keys:
        scene.fake.objects["some/prefix/" + key] = Object(b"xy", '"t"', scene.fake.now())
    for foreign in ("some/prefixed", "some/prefix/a b", "some/prefix/\x7f&<>\u00e4", "zzz"):
        scene.fake.objects[foreign] = Object(b"", '"t"', scene.fake.now())
    lines = scene.tool.ok("list", "").decode().splitlines()
    assert lines == [f"{key} 2" for key in sorted(keys)]
    lines = scene.tool.ok("list", "wal/", "wal/006").decode().splitlines()
    assert lines == [f"wal/{i:03} 2" for i in (7, 8, 9)]
    assert scene.tool.ok("list", "none/") == b""


@pytest.mark.parametrize("conditional", [True, False])
def test_conditions_and_abilities(scene, conditional):
    scene.fake.conditional = conditional
    can = scene.tool.ok("abilities").decode()
    assert can == f"put_if_absent {conditional:d} put_if_tag {conditional:d} checks_sums 1\n"
    assert scene.objects() == {}  # the probe is gone
    one, two = scene.file("1", b"one"), scene.file("2", b"two")
    first = scene.tool("put", "k", one, "absent")
    if not conditional:
        assert first.status == "UNSUPPORTED" and scene.objects() == {}
        return
    tag = first.out.decode().strip()
    assert scene.tool("put", "k", two, "absent").status == "EXISTS"
    assert scene.tool("put", "k", two, '"other"').status == "CONFLICT"
    scene.tool.ok("put", "k", two, tag)
    assert scene.tool("put", "k", one, tag).status == "CONFLICT"
    assert scene.tool("put", "gone", one, tag).status == "CONFLICT"
    assert scene.objects() == {"k": b"two"}


def test_files(scene):
    small, large = data_of(1000), data_of(5 * MIB + 17)
    for name, data in (("small", small), ("large", large)):
        path = scene.file("f", data)
        scene.tool.ok("put-file", name, path, part_bytes=MIB)
        assert scene.objects()[name] == data
        assert scene.tool("put-file", name, path, part_bytes=MIB).status == "EXISTS"
    puts = [target for method, target, _ in scene.fake.log if "partNumber" in target]
    assert len(puts) == 6 and scene.fake.uploads == {}


def test_files_of_a_store_without_checksums_and_md5(scene):
    scene.fake.checksums, scene.fake.odd_tags = False, True
    data = data_of(3 * MIB)
    scene.tool.ok("put-file", "large", scene.file("f", data), part_bytes=MIB)
    scene.tool.ok("put", "small", scene.file("f", b"x"))
    assert scene.objects() == {"large": data, "small": b"x"}


def start_killed(scene, path, journal):
    """An upload that was killed after two parts."""
    named = {**scene.tool.options, "part_bytes": MIB}
    options = [f"{n.replace('_', '-')}={v}" for n, v in named.items()]
    gate, seen = threading.Event(), []
    handle = scene.fake.handle

    def wait_at_third(request):
        if request.query.get("partNumber") == "3" and not gate.is_set():
            seen.append(1)
            gate.wait(20)
        return handle(request)

    scene.fake.handle = wait_at_third
    from conftest import TOOL

    child = subprocess.Popen([TOOL, *options, "put-file", "k", path, journal])
    while not seen and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    gate.set()
    scene.fake.handle = handle
    time.sleep(0.05)


@pytest.mark.parametrize("change", ["none", "part lost", "upload lost", "file", "journal"])
def test_resume(scene, change):
    data, journal = data_of(5 * MIB), scene.folder / "journal"
    path = scene.file("f", data)
    start_killed(scene, path, journal)
    assert journal.exists() and len(scene.fake.uploads) == 1 and scene.objects() == {}
    (upload,) = scene.fake.uploads.values()
    if change == "part lost":
        del upload["parts"][1]
    if change == "upload lost":
        scene.fake.uploads.clear()
    if change == "file":
        data = data_of(5 * MIB, seed=2)
        path = scene.file("f", data)
    if change == "journal":
        journal.write_bytes(journal.read_bytes().replace(b"part 1", b"part 2"))
    scene.fake.log.clear()
    scene.tool.ok("put-file", "k", path, journal, part_bytes=MIB)
    sent = [t for m, t, _ in scene.fake.log if "partNumber" in t]
    assert len(sent) == {"none": 3, "part lost": 4}.get(change, 5), sent
    assert scene.objects() == {"k": data} and not journal.exists()
    assert len(scene.fake.uploads) == (1 if change == "journal" else 0)


def test_abandon(scene):
    journal = scene.folder / "journal"
    start_killed(scene, scene.file("f", data_of(5 * MIB)), journal)
    scene.tool.ok("abandon", journal)
    assert scene.fake.uploads == {} and not journal.exists()
    scene.tool.ok("abandon", journal)


def test_virtual_host_and_headers(scene):
    seen = {}
    handle = scene.fake.handle

    def look(request):
        seen.update(request.headers)
        return handle(request)

    scene.fake.handle = look
    port = scene.server.server_address[1]
    tool, endpoint = scene.tool, f"http://localhost:{port}"
    result = tool("put", "k", scene.file("f", b"x"), virtual_host=1, endpoint=endpoint)
    if result.code:  # the resolver does not know names below localhost
        assert result.status == "IO" and "resolve" in result.err
    else:
        assert seen["host"] == f"bucket.localhost:{port}"
    tool.ok("put", "k", scene.file("f", b"x"), storage_class="STANDARD_IA")
    assert seen["x-amz-storage-class"] == "STANDARD_IA"
    assert scene.objects() == {"k": b"x"}


def test_wrong_credentials_and_region(scene):
    tool, (access, secret, token) = scene.tool, scene.fake.keys
    cases = [
        ({"key": access, "secret": secret + "x", "token": token}, "SignatureDoesNotMatch"),
        ({"key": "AKIAOTHER", "secret": secret, "token": token}, "InvalidAccessKeyId"),
        ({"key": access, "secret": secret, "token": "old"}, "ExpiredToken"),
        ({"region": "eu-west-1"}, "AuthorizationHeaderMalformed"),
        ({"url": "s3://another-bucket"}, "NoSuchBucket"),
    ]
    for options, words in cases:
        result = tool("get", "k", **options)
        assert result.status == "IO" and words in result.err
    assert len(scene.fake.log) == len(cases)  # none is tried again
    assert tool("get", "k", profile="missing").status == "INVALID"
    assert tool("get", "k", credentials=scene.folder / "none").status == "NOT_FOUND"


def test_no_secret_is_shown(scene):
    scene.fake.faults = {0: None}
    for options in ({"secret": "topsecretkey", "key": "AKIAX", "token": "topsecrettoken"}, {}):
        for verb in (["get", "none"], ["put", "k", scene.file("f", b"x"), "absent"], ["list", ""]):
            scene.tool(*verb, **options)
            scene.tool(*verb, **options, endpoint="http://127.0.0.1:1", attempts=2)
    _, secret, token = scene.fake.keys
    for result in scene.tool.results:
        for hidden in (secret, token, "topsecret", "Signature=", "AWS4-HMAC"):
            assert hidden not in result.err


@pytest.mark.parametrize(
    "options",
    [{"endpoint": "http://192.0.2.1"}, {"endpoint": "http://user:word@127.0.0.1"},
     {"endpoint": "https://127.0.0.1/path"}, {"endpoint": "file:///etc"}, {"endpoint": "ftp://x"},
     {"url": "s3://Bad_Bucket"}, {"url": "s3://bucket/a//b"}, {"url": "s3://bucket/../b"},
     {"url": "gopher://bucket"}, {"url": "s3://"}, {"region": "a b"},
     {"storage_class": "a\r\nb: c"}],
)  # fmt: skip
def test_refused_options(scene, options):
    result = scene.tool("list", "", **options)
    assert result.status == "INVALID" and scene.fake.log == []


def test_threads_on_one_remote(scene):
    scene.tool.ok("hammer", "h", 6, 15)
    assert scene.objects() == {}
    scene.tool.ok("hammer", "h", 6, 30, url=f"file://{scene.folder}/folder")


@pytest.mark.parametrize("verb", ["get", "put-file"])
def test_cancel(scene, verb):
    """Also of a store that does not answer, and of waits between attempts."""
    scene.fake.objects["some/prefix/k"] = Object(b"x", '"t"', scene.fake.now())
    arguments = [verb, "k"] + ([scene.file("f", b"y")] if verb == "put-file" else [])
    for fault, waits in ((Fault.TIMEOUT, {}), (Fault.SLOW_DOWN, {"wait_max_ms": 300_000})):
        scene.fake.log.clear()
        at = 5 if verb == "put-file" else 0  # behind the question what the store can do
        scene.fake.faults = dict.fromkeys(range(at, 100), fault)
        began = time.monotonic()
        wait = {"wait_ms": 300_000, **waits} if waits else {}
        result = scene.tool(*arguments, request_ms=60_000, cancel_ms=600, attempts=99, **wait)
        assert result.status == "CANCELLED", result.err
        assert time.monotonic() - began < 20


def test_bandwidth_limit(scene):
    data = data_of(200_000)
    began = time.monotonic()
    scene.tool.ok("put", "k", scene.file("f", data), rate=200_000)
    assert time.monotonic() - began > 0.5
    assert scene.tool.ok("get", "k", rate=400_000) == data


# ---- TLS


@pytest.fixture(name="certificates", scope="session")
def certificates_fixture(tmp_path_factory):
    """(certificate, key) of 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=fake", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key", "-out", folder / "certificate"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "certificate", folder / "key"


def test_tls(scene, certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates)
    server = serve(scene.fake, tls=context)
    port = server.server_address[1]
    path = scene.file("f", b"x")
    good = {"endpoint": f"https://127.0.0.1:{port}", "ca": certificates[0]}
    scene.tool.ok("put", "k", path, **good)
    unknown = scene.tool("get", "k", endpoint=good["endpoint"])
    other = scene.tool("get", "k", **{**good, "endpoint": f"https://localhost:{port}"})
    server.shutdown()
    server.server_close()
    assert unknown.status == "IO" and "certificate" in unknown.err.lower()
    assert other.status == "IO" and scene.objects() == {"k": b"x"}


# ---- the metadata service


class Metadata(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    scene, asked, lifetime = None, [], timedelta(hours=1)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):  # pylint: disable=invalid-name
        self.asked.append("token")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        good = self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self.answer(200 if good else 400, "metadata-token")

    def do_GET(self):  # pylint: disable=invalid-name
        self.asked.append(self.path.rpartition("/")[2])
        if self.headers["X-aws-ec2-metadata-token"] != "metadata-token":
            return self.answer(401, "")
        if self.path.endswith("/security-credentials/"):
            return self.answer(200, "backup-role\n")
        access, secret, token = self.scene.fake.keys
        ends = datetime.now(timezone.utc) + self.lifetime
        return self.answer(
            200,
            json.dumps({"Code": "Success", "AccessKeyId": access, "SecretAccessKey": secret,
                        "Token": token, "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}),
        )  # fmt: skip


@pytest.mark.parametrize("lifetime, fetches", [(timedelta(hours=1), 1), (timedelta(minutes=4), 4)])
def test_metadata_service(scene, lifetime, fetches):
    bound = type("Bound", (Metadata,), {"scene": scene, "asked": [], "lifetime": lifetime})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for i in range(9):
        scene.fake.objects[f"some/prefix/{i}"] = Object(b"", '"t"', scene.fake.now())
    scene.fake.objects["some/prefix/x"] = Object(b"", '"t"', scene.fake.now())
    del scene.tool.options["credentials"]
    address = f"http://127.0.0.1:{server.server_address[1]}"
    assert len(scene.tool.ok("list", "", metadata=address).splitlines()) == 10
    assert bound.asked == ["token", "", "backup-role"] * fetches  # a fetch for each of 4 pages
    server.shutdown()
    server.server_close()
    assert scene.tool("list", "", metadata=address).status == "IO"
