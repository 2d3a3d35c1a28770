"""Each kind of fault at each request of each call: the call completes, or fails cleanly: with a
status that fits, nothing half there, and the same call done again without the fault completes."""

import hashlib

import pytest
from s3_faults import Fault
from s3_fake import Object

MIB = 1 << 20
OLD, NEW = b"old bytes", hashlib.shake_128(b"new").digest(3000)
LARGE = hashlib.shake_128(b"large").digest(3 * MIB - 5)
KEYS = [f"k/{i}" for i in range(7)]


class Call:
    """arguments: of the tool; file: of the scene. done: is the store as the call promises?"""

    def __init__(self, *arguments, file=None, before=None, after=None, out=None):
        self.arguments, self.file = arguments, file
        self.before, self.after = before or {}, after or {}
        self.out = out

    def prepare(self, scene):
        scene.reset()
        for key, data in self.before.items():
            tag = f'"{hashlib.md5(data).hexdigest()}"'
            scene.fake.objects["some/prefix/" + key] = Object(data, tag, scene.fake.now())
        scene.fake.changed()

    def run(self, scene):
        path = scene.file("data", self.file) if self.file else None
        arguments = [path if a is Call.FILE else a for a in self.arguments]
        return scene.tool(*arguments, part_bytes=MIB)

    FILE = object()


OLD_TAG = f'"{hashlib.md5(OLD).hexdigest()}"'
LIST = "".join(f"{key} 2\n" for key in KEYS).encode()
CALLS = {
    "put": Call("put", "k", Call.FILE, file=NEW, before={"k": OLD}, after={"k": NEW}),
    "put if absent": Call("put", "k", Call.FILE, "absent", file=NEW, after={"k": NEW}),
    "put if tag": Call(
        "put", "k", Call.FILE, OLD_TAG, file=NEW, before={"k": OLD}, after={"k": NEW}
    ),
    "put file": Call("put-file", "k", Call.FILE, file=LARGE, after={"k": LARGE}),
    "get": Call("get", "k", before={"k": NEW}, after={"k": NEW}, out=NEW),
    "get range": Call("get", "k", 10, 500, before={"k": NEW}, after={"k": NEW}, out=NEW[10:510]),
    "stat": Call("stat", "k", before={"k": NEW}, after={"k": NEW}),
    "list": Call("list", "", before=dict.fromkeys(KEYS, b"xy"), after=dict.fromkeys(KEYS, b"xy"),
                 out=LIST),
    "delete": Call("delete", "k", before={"k": OLD}),
}  # fmt: skip

# What may pass has to, whichever request it hits.
PASSING = {
    Fault.INTERNAL, Fault.BAD_GATEWAY, Fault.SLOW_DOWN, Fault.TIMEOUT, Fault.RESET,
    Fault.LOST_ANSWER, Fault.SHORT, Fault.EXPIRED, Fault.SKEW, Fault.CONFLICT,
    Fault.INCOMPLETE_BODY, Fault.MISSING_PART, Fault.LOST_UPLOAD, Fault.TRUNCATED_UPLOAD,
}  # fmt: skip
# A body of 200 is the object to a GET: bits and errors in it are for the caller's sums to find.
NOT_SEEN = {
    ("get", Fault.FLIP), ("get range", Fault.FLIP), ("list", Fault.STALE_LIST),
    ("delete", Fault.NOT_FOUND),
}  # fmt: skip
# An upload that was begun, and whose id we never heard: for the bucket's lifecycle rule.
LOSING_ID = {Fault.TIMEOUT, Fault.LOST_ANSWER, Fault.SHORT, Fault.GARBAGE}
FINAL = {
    "CONFLICT",
    "CORRUPT",
    "EXISTS",
    "IO",
    "NOT_FOUND",
    "READ_ONLY",
    "TIMEOUT",
    "UNSUPPORTED",
}


def requests_of(scene, call):
    call.prepare(scene)
    result = call.run(scene)
    assert result.code == 0, result.err
    check_done(scene, call, result)
    return len(scene.fake.log)


def visible(scene):
    """Probes aside: what a call that was cut off in its probing left is not a backup's."""
    return {k: v for k, v in scene.objects().items() if not k.startswith("probe/")}


def check_strays(scene):
    lost = [1 for _, target, fault in scene.fake.log if "uploads=" in target and fault in LOSING_ID]
    assert len(scene.fake.uploads) <= len(lost)


def check_done(scene, call, result):
    assert visible(scene) == call.after
    check_strays(scene)
    if call.out is not None:
        assert result.out == call.out


def check_clean_failure(scene, call, result, fault):
    assert result.status in FINAL, result.err
    assert "cannot " in result.err and "s3://bucket/some/prefix" in result.err
    for hidden in scene.fake.keys[1:]:
        assert hidden not in result.err
    assert visible(scene) in (call.before, call.after)
    if fault in (Fault.DENIED, Fault.NOT_FOUND, Fault.NOT_IMPLEMENTED, Fault.PRECONDITION):
        return
    check_strays(scene)


def check_again(scene, call):
    """Without the fault: done now, or done before."""
    scene.fake.faults.clear()
    result = call.run(scene)
    allowed = {"OK"}
    if call.arguments[0] == "put-file" or "absent" in call.arguments:
        allowed.add("EXISTS")
    if OLD_TAG in call.arguments:
        allowed.add("CONFLICT")
    assert result.status in allowed, result.err
    assert visible(scene) == call.after


def walk(scene, call, name, fault, at):
    call.prepare(scene)
    scene.fake.plan(at, fault)
    result = call.run(scene)
    place = f"{fault.value} at request {at} of '{name}': {result.err}"
    if result.code == 0 and (name, fault) not in NOT_SEEN:
        check_done(scene, call, result)
    elif result.code:
        told = scene.fake.log[at][0] != "HEAD" or fault != Fault.INCOMPLETE_BODY
        assert fault not in PASSING or not told, place  # 400, and no code with it
        check_clean_failure(scene, call, result, fault)
        check_again(scene, call)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
@pytest.mark.parametrize("name", CALLS)
def test_walk(scene, name, fault):
    call = CALLS[name]
    count = requests_of(scene, call)
    for at in range(count):
        walk(scene, call, name, fault, at)


@pytest.mark.parametrize("fault", [Fault.FLIP, Fault.TRUNCATED_UPLOAD])
@pytest.mark.parametrize("name", ["put", "put if absent", "put file"])
def test_spoilt_bytes_without_checksums(scene, name, fault):
    """A store that tells no checksum: its tags alone say what it holds."""
    call = CALLS[name]
    scene.fake.checksums = False
    for at in range(requests_of(scene, call)):
        walk(scene, call, name, fault, at)


@pytest.mark.parametrize("fault", [Fault.INTERNAL, Fault.TIMEOUT, Fault.RESET, Fault.SLOW_DOWN])
def test_faults_that_stay(scene, fault):
    """Attempts are limited."""
    for name in ("put", "get", "list", "delete"):
        call = CALLS[name]
        call.prepare(scene)
        scene.fake.faults = dict.fromkeys(range(100), fault)
        result = scene.tool(
            *[scene.file("data", NEW) if a is Call.FILE else a for a in call.arguments],
            attempts=3, request_ms=100,
        )  # fmt: skip
        assert result.status in ("IO", "TIMEOUT") and "after 3 attempts" in result.err
        assert len(scene.fake.log) == 3


def test_redirects_are_not_followed(scene):
    """No other host hears of us."""
    from s3_fake import Fake, serve

    elsewhere = Fake()
    server = serve(elsewhere)
    scene.fake.redirect_to = f"http://127.0.0.1:{server.server_address[1]}/bucket/k"
    for fault in (Fault.REDIRECT, Fault.REDIRECT_307):
        call = CALLS["get"]
        call.prepare(scene)
        scene.fake.plan(0, fault)
        result = call.run(scene)
        assert result.status == "IO" and "eu-west-1" in result.err
    server.shutdown()
    server.server_close()
    assert elsewhere.log == []


def test_clock_once(scene):
    """The store's clock is taken over once; a store that is never content ends the call."""
    call = CALLS["get"]
    call.prepare(scene)
    scene.fake.plan(0, Fault.SKEW)
    assert call.run(scene).out == NEW
    assert len(scene.fake.log) == 2
