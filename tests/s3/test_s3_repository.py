"""A backup repository on the fake store: each kind of fault at requests of a backup, of one with a
multipart upload, a restore, a verification and a prune: done, or failed cleanly; what is listed is
sound in full; the same done again completes; and prune then leaves no orphan.

One request of each is hit, another for each kind; VARVE_S3_SAMPLE=N hits N of each, and
VARVE_S3_ALL=1 all (label night)."""

import json
import os
import shutil

import pytest
from conftest import Scene, Tool
from s3_faults import Fault

REPO_TOOL = os.environ.get("VARVE_REPO_TOOL", "repo_tool")
ALL = bool(os.environ.get("VARVE_S3_ALL"))
SAMPLE = int(os.environ.get("VARVE_S3_SAMPLE", 1))
FINAL = {
    "IO", "CORRUPT", "TIMEOUT", "CONFLICT", "EXISTS", "NOT_FOUND", "UNSUPPORTED", "LOCKED",
    "READ_ONLY",
}  # fmt: skip
PREFIX = "some/prefix/"
# These have to pass, whichever request they hit.
PASSING = {
    Fault.INTERNAL, Fault.BAD_GATEWAY, Fault.SLOW_DOWN, Fault.TIMEOUT, Fault.RESET,
    Fault.LOST_ANSWER, Fault.EXPIRED, Fault.SKEW, Fault.CONFLICT,
}  # fmt: skip


# What a multipart upload has of its own; the others hit its requests as they hit any.
OF_UPLOADS = [
    Fault.MISSING_PART, Fault.LOST_UPLOAD, Fault.TRUNCATED_UPLOAD, Fault.FLIP, Fault.GARBAGE,
    Fault.LOST_ANSWER, Fault.SHORT, Fault.ERROR_200,
]  # fmt: skip
LARGE_ROWS = 50_000


class Repository:
    """Two snapshots, and data folders with a third in them; every case begins with these."""

    def __init__(self, scene):
        self.scene, self.folder = scene, scene.folder
        self.tool = Tool(REPO_TOOL, **scene.tool.options, part_bytes=512 << 10)
        scene.fake.page = 1000
        for rows in (130, 70, 71):
            self.tool.ok("make", self.folder / "data", rows)
            if rows != 71:
                self.tool.ok("backup", self.folder / "data", self.folder / "state")
        shutil.copytree(self.folder / "data", self.folder / "large")
        self.tool.ok("make-large", self.folder / "large", LARGE_ROWS)
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
            "large backup": ("backup", self.folder / "large", self.folder / "state"),
            "restore": ("restore", self.folder / "restored"),
            "verify": ("verify", self.folder / "scratch"),
            "prune": ("prune", 1, 0),
        }[verb]

    def run(self, verb):
        return self.tool(*self.arguments(verb))

    def verify(self):
        result = self.run("verify")
        assert result.code == 0, result.err + result.out.decode()

    def needed(self):
        """What manifests name, and what every repository has."""
        objects, keys = self.scene.fake.objects, set()
        for key in self.snapshots():
            keys |= {PREFIX + file["key"] for file in json.loads(objects[key].data)["files"]}
            database, name = key[: key.index("/tl/")], key[key.rindex("/") :]
            keys |= {key, database + "/verified" + name, database + "/WRITER.json"}
            keys |= {key[: key.index("/snap/")] + "/HISTORY.json"}
        return keys | {PREFIX + "repo.json"}

    def check_orphans(self):
        """After two prunes of a later day: of pins and records of the dead, the first ends the
        power, and the second removes them. What a probe that was cut off left is not a backup's."""
        for _ in range(2):
            self.tool.ok("prune", 1, 4)
        there = {key for key in self.scene.fake.objects if "/probe/" not in key}
        assert len(self.snapshots()) == 1
        assert there == self.needed()


@pytest.fixture(name="repository", scope="module")
def repository_fixture(tmp_path_factory):
    scene = Scene(tmp_path_factory.mktemp("repository"))
    yield Repository(scene)
    scene.close()


def indexes(count, fault):
    if ALL:
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
    if result.code and verb not in ("restore", "verify"):
        repository.verify()
    if result.code:
        again = repository.run(verb)
        assert again.code == 0, f"{place}; then {again.err}"
    if verb == "restore":
        assert (repository.folder / "restored").is_dir()
    assert not (repository.folder / "scratch").exists()
    repository.verify()  # and the newest is marked: a prune to one keeps no older one for that
    repository.check_orphans()
    repository.verify()


def walk(repository, verb, fault):
    repository.reset()
    assert repository.run(verb).code == 0
    for at in indexes(len(repository.scene.fake.log), fault):
        repository.reset()
        repository.scene.fake.plan(at, fault)
        result = repository.run(verb)
        target = repository.scene.fake.log[at][1] if at < len(repository.scene.fake.log) else ""
        place = f"{fault.value} at request {at} of {verb} ({target}): {result.err}"
        check(repository, verb, result, fault, place)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
@pytest.mark.parametrize("verb", ["backup", "restore", "verify", "prune"])
def test_walk(repository, verb, fault):
    walk(repository, verb, fault)


@pytest.mark.parametrize("fault", list(Fault) if ALL or SAMPLE > 1 else OF_UPLOADS,
                         ids=lambda fault: fault.value)  # fmt: skip
def test_walk_uploads(repository, fault):
    walk(repository, "large backup", fault)


def test_uploads_are_reached(repository):
    """The walk above is of a multipart upload: else it would prove nothing."""
    repository.reset()
    assert repository.run("large backup").code == 0
    assert sum("uploadId=" in target for _, target, _ in repository.scene.fake.log) >= 3
    assert not repository.scene.fake.uploads
