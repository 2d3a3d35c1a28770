"""A backup repository on the fake store: each kind of fault at requests of a backup, a restore
and a prune: done, or failed cleanly; what is listed is sound in full; the same done again
completes; and prune then leaves no orphan.

Two requests of each are hit, others for each kind; all with VARVE_S3_ALL=1 (label night)."""

import json
import os
import shutil

import pytest
from conftest import Tool
from s3_faults import Fault

REPO_TOOL = os.environ.get("VARVE_REPO_TOOL", "repo_tool")
SAMPLE = None if os.environ.get("VARVE_S3_ALL") else 2
FINAL = {"IO", "CORRUPT", "TIMEOUT", "CONFLICT", "EXISTS", "NOT_FOUND", "UNSUPPORTED", "LOCKED"}
PREFIX = "some/prefix/"
# These have to pass, whichever request they hit.
PASSING = {
    Fault.INTERNAL, Fault.BAD_GATEWAY, Fault.SLOW_DOWN, Fault.TIMEOUT, Fault.RESET,
    Fault.LOST_ANSWER, Fault.EXPIRED, Fault.SKEW, Fault.CONFLICT,
}  # fmt: skip


class Repository:
    """Two snapshots, and a data folder with a third in it; every case begins with these."""

    def __init__(self, scene):
        self.scene, self.folder = scene, scene.folder
        self.tool = Tool(REPO_TOOL, **scene.tool.options)
        scene.fake.page = 1000
        for rows in (130, 70, 71):
            self.tool.ok("make", self.folder / "data", rows)
            if rows != 71:
                self.tool.ok("backup", self.folder / "data", self.folder / "state")
        self.objects = dict(scene.fake.objects)

    def snapshots(self):
        return [key for key in self.scene.fake.objects if "/snap/" in key]

    def reset(self):
        self.scene.reset()
        self.scene.fake.objects = dict(self.objects)
        self.scene.fake.changed()
        for name in ("restored", "restored.restore-tmp", "state", "scratch"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def arguments(self, verb):
        return {
            "backup": ("backup", self.folder / "data", self.folder / "state"),
            "restore": ("restore", self.folder / "restored"),
            "prune": ("prune", 1),
        }[verb]

    def run(self, verb):
        return self.tool(*self.arguments(verb))

    def verify(self):
        result = self.tool("verify", self.folder / "scratch")
        assert result.code == 0, result.err + result.out.decode()

    def check_orphans(self):
        """After a prune; a pin that an unlucky backup left keeps its blobs until it expires."""
        self.tool.ok("prune", 1)
        objects = self.scene.fake.objects
        needed = set()
        for key in self.snapshots():
            needed |= {PREFIX + file["key"] for file in json.loads(objects[key].data)["files"]}
        blobs = {key for key in objects if key.startswith(PREFIX + "blobs/")}
        assert needed <= blobs
        if not any("/pins/" in key for key in objects):
            assert blobs == needed


@pytest.fixture(name="repository")
def repository_fixture(scene):
    return Repository(scene)


def indexes(count, fault):
    if SAMPLE is None:
        return range(count)
    kinds = list(Fault)
    step = count / SAMPLE
    shift = kinds.index(fault) / len(kinds) * step
    return sorted({int(i * step + shift) for i in range(SAMPLE)})


def check(repository, verb, result, fault, place):
    fake = repository.scene.fake
    if result.code:
        assert fault not in PASSING, place
        assert result.status in FINAL, place
        for hidden in fake.keys[1:]:
            assert hidden not in result.err
        if verb == "restore":
            assert not (repository.folder / "restored").exists(), place
    fake.faults.clear()
    if verb != "restore":
        repository.verify()
    if result.code:
        again = repository.run(verb)
        assert again.code == 0, f"{place}; then {again.err}"
    if verb == "restore":
        assert (repository.folder / "restored").is_dir()
    else:
        repository.check_orphans()
        repository.verify()


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
@pytest.mark.parametrize("verb", ["backup", "restore", "prune"])
def test_walk(repository, verb, fault):
    repository.reset()
    assert repository.run(verb).code == 0
    for at in indexes(len(repository.scene.fake.log), fault):
        repository.reset()
        repository.scene.fake.plan(at, fault)
        result = repository.run(verb)
        target = repository.scene.fake.log[at][1] if at < len(repository.scene.fake.log) else ""
        place = f"{fault.value} at request {at} of {verb} ({target}): {result.err}"
        check(repository, verb, result, fault, place)
