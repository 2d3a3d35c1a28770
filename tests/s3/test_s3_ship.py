"""Shipping the log to the fake store, and restores to the newest moment of it: each kind of fault
at requests of either: done, or failed cleanly; every object that is there is sound; the same done
again completes; and prune then leaves no orphan.

Half of the kinds hit one request of the one, half of the other; all hit all of both with
VARVE_S3_ALL=1 (label night)."""

import json
import os
import shutil
import struct

import pytest
from conftest import Tool
from s3_faults import Fault

REPO_TOOL = os.environ.get("VARVE_REPO_TOOL", "repo_tool")
SHIP_TOOL = os.environ.get("VARVE_SHIP_TOOL", "ship_tool")
ALL = bool(os.environ.get("VARVE_S3_ALL"))
FINAL = {"IO", "CORRUPT", "TIMEOUT", "CONFLICT", "EXISTS", "NOT_FOUND", "UNSUPPORTED", "LOCKED"}
PREFIX = "some/prefix/"
# These have to pass, whichever request they hit.
PASSING = {
    Fault.INTERNAL, Fault.BAD_GATEWAY, Fault.SLOW_DOWN, Fault.TIMEOUT, Fault.RESET,
    Fault.LOST_ANSWER, Fault.EXPIRED, Fault.SKEW, Fault.CONFLICT,
}  # fmt: skip


def named_by_log(data):
    """Blobs that an object of the log names; snapshot/wal_object_format.h."""
    (count,) = struct.unpack_from("<I", data, 52)
    at, keys = 184, set()
    for _ in range(count):
        (generation,) = struct.unpack_from("<I", data, at + 4)
        (path_len,) = struct.unpack_from("<H", data, at + 88)
        name = data[at + 24 : at + 56].hex()
        keys.add(f"blobs/{name[:2]}/{name}" + (f".g{generation}" if generation else ""))
        at += 90 + path_len + 1
    return keys


class Repository:
    """A snapshot, and a data folder with more behind it, whose log is in the repository or not;
    every case begins with these."""

    def __init__(self, scene, shipped):
        self.scene, self.folder = scene, scene.folder
        self.tool = Tool(SHIP_TOOL, **scene.tool.options)
        self.keeper = Tool(REPO_TOOL, **scene.tool.options)
        scene.fake.page = 1000
        self.tool.ok("keep", self.path("first"), 70)
        self.tool.ok("checkpoint", self.path("first"), self.path("copy"))
        self.keeper.ok("backup", self.path("copy"), self.path("state"))
        self.tool.ok("keep", self.path("first"), 90)
        if shipped:
            self.sequence = self.ship(self.path("first")).out
        self.objects = dict(scene.fake.objects)

    def path(self, name):
        return self.folder / name

    def ship(self, folder):
        return self.tool("ship", folder, self.path("ship"))

    def reset(self):
        self.scene.reset()
        self.scene.fake.objects = dict(self.objects)
        self.scene.fake.changed()
        for name in ("data", "restored", "restored.pitr-tmp", "ship", "scratch"):
            shutil.rmtree(self.path(name), ignore_errors=True)
        shutil.copytree(self.path("first"), self.path("data"))

    def run(self, verb):
        if verb == "ship":
            return self.ship(self.path("data"))
        return self.tool("pitr", self.path("restored"))

    def keys(self, part):
        return [key for key in self.scene.fake.objects if part in key]

    def needed(self):
        objects, keys = self.scene.fake.objects, set()
        for key in self.keys("/snap/"):
            keys |= {file["key"] for file in json.loads(objects[key].data)["files"]}
        for key in self.keys("/wal/"):
            keys |= named_by_log(objects[key].data)
        return {PREFIX + key for key in keys}

    def check_log(self):
        result = self.tool("log")
        assert result.code == 0, result.err + result.out.decode()

    def check_orphans(self):
        """After a prune; a pin that an unlucky shipper left keeps its blobs until it expires."""
        self.keeper.ok("prune", 9, 0)
        blobs = set(self.keys(PREFIX + "blobs/"))
        assert self.needed() <= blobs
        if not self.keys("/pins/"):
            assert blobs == self.needed()

    def check_restore(self, sequence):
        """The newest moment, which is complete."""
        shutil.rmtree(self.path("restored"), ignore_errors=True)
        assert self.tool.ok("pitr", self.path("restored")) == sequence


def check_ship(repository, result, place):
    repository.check_log()
    if result.code:
        again = repository.run("ship")
        assert again.code == 0, f"{place}; then {again.err}"
        result = again
    repository.check_log()
    repository.check_orphans()
    if ALL:
        repository.keeper.ok("verify", repository.path("scratch"))
    repository.check_restore(result.out)


def check_pitr(repository, result, place):
    if result.code:
        assert not repository.path("restored").exists(), place
        result = repository.run("pitr")
        assert result.code == 0, f"{place}; then {result.err}"
    assert result.out == repository.sequence, place
    assert repository.path("restored").is_dir()
    repository.check_orphans()


def check(repository, verb, result, fault, place):
    fake = repository.scene.fake
    if result.code:
        assert fault not in PASSING, place
        assert result.status in FINAL, place
        for hidden in fake.keys[1:]:
            assert hidden not in result.err
    fake.faults.clear()
    (check_ship if verb == "ship" else check_pitr)(repository, result, place)


def indexes(count, fault, verb):
    if ALL:
        return range(count)
    kinds = list(Fault)
    at = kinds.index(fault)
    return [count * at // len(kinds)] if at % 2 == (verb == "ship") else []


@pytest.mark.parametrize("verb", ["ship", "pitr"])
def test_walk(scene, verb):
    repository = Repository(scene, shipped=verb == "pitr")
    repository.reset()
    assert repository.run(verb).code == 0
    count = len(scene.fake.log)
    assert count > 20 and len(repository.keys("/wal/")) >= 3
    for fault in Fault:
        for at in indexes(count, fault, verb):
            repository.reset()
            scene.fake.plan(at, fault)
            result = repository.run(verb)
            target = scene.fake.log[at][1] if at < len(scene.fake.log) else ""
            place = f"{fault.value} at request {at} of {verb} ({target}): {result.err}"
            check(repository, verb, result, fault, place)
    repository.keeper.ok("verify", repository.path("scratch"))


def test_full_verify_after_all(scene):
    """Snapshots are sound beside a log, and so is the log beside snapshots."""
    repository = Repository(scene, shipped=True)
    repository.keeper.ok("verify", repository.path("scratch"))
    repository.check_log()
    key = repository.keys("/wal/")[1]
    found = scene.fake.objects[key]
    found.data = found.data[:-9] + bytes([found.data[-9] ^ 1]) + found.data[-8:]
    result = repository.tool("log")
    assert result.status == "CORRUPT" and key.removeprefix(PREFIX) in result.out.decode()
    repository.keeper.ok("verify", repository.path("scratch"))
