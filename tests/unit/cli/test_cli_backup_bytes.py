"""What a second backup uploads after 1 % of the rows were replaced: less than 5 % of the snapshot's
bytes, wherever the rows lie; and the row store's own compactions do not change that."""

import base64
import json
import os
import sys
import tempfile
import unittest

import numpy

import test_cli
from test_cli import varve

ROWS, DIM = 100_000, 128
SHARE = 0.05


class SecondBackup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.random = numpy.random.default_rng(7)
        cls.folder, cls.repo = cls.path("data"), cls.path("repo")
        numpy.save(cls.path("base.npy"), cls.vectors(ROWS))
        with open(cls.path("fields"), "w", encoding="utf-8") as out:
            out.writelines(f'{{"n": {i}, "word": "row {i}"}}\n' for i in range(ROWS))
        varve("import", cls.path("base.npy"), "--to", cls.folder, "-c", "docs", "--ids-start", "0",
              "--fields-from", cls.path("fields"))  # fmt: skip
        cls.first = cls.backup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory.name, name)

    @classmethod
    def vectors(cls, rows):
        return cls.random.standard_normal((rows, DIM), dtype="f4")

    @classmethod
    def backup(cls):
        return json.loads(varve("backup", "create", cls.folder, "--repo", cls.repo, "--json"))

    def replace(self, ids):
        with open(self.path("some"), "w", encoding="utf-8") as out:
            for i, vector in zip(ids, self.vectors(len(ids))):
                text = base64.b64encode(vector.tobytes()).decode()
                out.write(json.dumps({"id": int(i), "vector_b64": text, "n": -1}) + "\n")
        varve("import", self.path("some"), "--to", self.folder, "-c", "docs", "--upsert",
              "--format", "ndjson")  # fmt: skip

    def check(self):
        second = self.backup()
        self.assertFalse(second["skipped"])
        self.assertGreater(second["bytes"], ROWS * DIM * 4)
        self.assertLess(second["bytes_new"], SHARE * second["bytes"])
        return second

    def test_at_random(self):
        self.replace(self.random.choice(ROWS, ROWS // 100, replace=False))
        self.check()

    def test_in_one_run(self):
        self.replace(range(ROWS // 3, ROWS // 3 + ROWS // 100))
        self.check()

    def test_sealed_first(self):
        """In segments, and out of the log."""
        self.replace(self.random.choice(ROWS, ROWS // 100, replace=False))
        varve("checkpoint", self.folder, "-c", "docs")
        self.check()

    def test_often(self):
        """Ten times a tenth of it, each backed up: no more than once all of it, twice over."""
        ids = self.random.choice(ROWS, ROWS // 100, replace=False)
        sent = 0
        for part in range(10):
            self.replace(ids[part::10])
            sent += self.check()["bytes_new"]
        self.assertLess(sent, 2 * SHARE * self.first["bytes"])

    def test_first_has_all(self):
        self.assertGreater(self.first["bytes_new"], ROWS * DIM * 4)


if __name__ == "__main__":
    test_cli.VARVE = sys.argv.pop(1)
    os.environ.pop("VARVE_BACKUP_PASSPHRASE", None)
    unittest.main()
