#!/usr/bin/env python3
"""Indexes, compaction and jobs by the varve command, on a folder and on a server of its own.

Usage: test_cli_compaction.py PATH_OF_VARVE [unittest arguments]
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
import unittest

import test_cli
from test_cli import json_lines, start_server, varve, write_npy

DIM, ROWS = 16, 3000


def vectors():
    source = random.Random(3)
    centres = [[source.gauss(0, 1) for _ in range(DIM)] for _ in range(30)]
    return [[x + source.gauss(0, 0.3) for x in source.choice(centres)] for _ in range(ROWS)]


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.mkdtemp(prefix="varve-test-cli-")
        cls.npy = os.path.join(cls.temp, "rows.npy")
        cls.rows = vectors()
        write_npy(cls.npy, cls.rows, "<f4", "f")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.temp)

    def fill(self, where, collection, *more):
        varve("import", self.npy, "--to", where, "-c", collection, "--ids-start", 0, *more)

    def stats(self, where, collection):
        lines = varve("stats", where, "-c", collection).splitlines()
        return {line[:20].strip().replace(" ", "_"): line[20:].strip() for line in lines}

    def nearest(self, where, collection, row, *how):
        out = varve(
            "search", where, "-c", collection, "--vector", json.dumps(self.rows[row]), "--json",
            "-k", 5, *how
        )
        return [hit["id"] for hit in json_lines(out)]

    def true_nearest(self, row):
        distance = lambda i: sum((a - b) ** 2 for a, b in zip(self.rows[i], self.rows[row]))
        return sorted(range(ROWS), key=lambda i: (distance(i), i))[:5]

    def check_index(self, where, collection):
        out = varve(
            "index", where, "-c", collection, "--index-mode", "HNSW-L2", "--param", "m=24",
            "--param", "alpha=1.1", "--json"
        )
        (answer,) = json_lines(out)
        self.assertEqual(
            [answer["index_mode"], answer["rows"], answer["rows_indexed"]], ["HNSW-L2", ROWS, ROWS]
        )
        self.assertGreater(answer["index_bytes"], 0)
        for row in (1, 500, 2999):
            true = self.true_nearest(row)
            self.assertEqual(self.nearest(where, collection, row, "--exact"), true)
            for how in ((), ("--ef", 200), ("--nprobe", 200), ("--recall", 0.99)):
                got = self.nearest(where, collection, row, *how)
                self.assertEqual(got[0], row)
                self.assertGreaterEqual(len(set(got) & set(true)), 4, how)
        stats = self.stats(where, collection)
        self.assertEqual(stats["rows_indexed"], str(ROWS))
        self.assertEqual(int(stats["index_bytes"]), answer["index_bytes"])
        self.assertEqual(stats["rows_hidden"], "0")
        out = varve("index", where, "-c", collection, "--index-mode", "IVF-L2")
        self.assertRegex(out, r"^IVF-L2: 3000 of 3000 rows indexed, \d+ bytes of indexes, in \d")
        self.assertIn(
            "unsupported",
            varve("index", where, "-c", collection, "--index-mode", "IVF-L1", code=1),
        )
        varve("index", where, "-c", collection, "--index-mode", "none")
        varve("index", where, "-c", collection, "--index-mode", "FLAT-L2-SQ8", "--no-wait")

    def check_compact(self, where, collection):
        varve("delete", where, "-c", collection, *range(100, 200))
        (kept,) = json_lines(
            varve("compact", where, "-c", collection, "--keep-deleted", "--json")
        )
        self.assertEqual(kept["rows_removed"], 0)
        varve("restore", where, "-c", collection, 100)
        (report,) = json_lines(varve("compact", where, "-c", collection, "--json"))
        self.assertEqual(
            [report["database_name"], report["collection_name"], report["rows_removed"]],
            ["default", collection, 99],
        )
        self.assertGreaterEqual(report["versions_removed"], 99)
        self.assertEqual(report["segments_after"], 1)
        self.assertGreater(report["bytes_after"], 0)
        varve("get", where, "-c", collection, 100)
        varve("get", where, "-c", collection, 101, code=1)
        out = varve("compact", where).splitlines()
        self.assertEqual(
            out[0].split(),
            ["database", "collection", "rows", "removed", "segments", "bytes", "seconds"],
        )
        self.assertTrue(any(line.split()[:3] == ["default", collection, "0"] for line in out[1:]))
        self.assertRegex(out[-1], r"^0 rows removed from \d+ collections in \d")
        varve("compact", where, "-c", "missing", code=1)


class Folder(Base):
    def test_all(self):
        folder = os.path.join(self.temp, "d")
        self.fill(folder, "rows")
        self.check_index(folder, "rows")
        self.check_compact(folder, "rows")
        self.assertRegex(varve("stats", folder), r"index bytes +\d+\n")
        self.assertIn("sound", varve("fsck", folder))
        self.assertIn("nobody has the folder open", varve("jobs", folder))
        self.assertTrue(varve("jobs", os.path.join(self.temp, "none"), code=1))

    def test_mode_of_a_new_collection(self):
        folder = os.path.join(self.temp, "e")
        self.fill(folder, "rows", "--index-mode", "HNSW-L2")
        self.assertEqual(self.stats(folder, "rows")["rows_indexed"], "0")
        self.assertEqual(self.nearest(folder, "rows", 7), self.true_nearest(7))
        varve("compact", folder)
        self.assertEqual(self.stats(folder, "rows")["rows_indexed"], str(ROWS))
        self.assertEqual(self.stats(folder, "rows")["index_parameters"], "-")

    def test_missing_program(self):
        folder = os.path.join(self.temp, "f")
        self.fill(folder, "rows")
        self.assertIn(
            "no-such-program",
            varve(
                "index", folder, "-c", "rows", "--index-mode", "FLAT-L2-PQ", "--compactor-path",
                "./no-such-program", code=1
            ),
        )


class Server(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = os.path.join(cls.temp, "served")
        cls.process, cls.url = start_server(cls.folder, "--seal-rows-min", "100")

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(timeout=30)
        super().tearDownClass()

    def test_all(self):
        self.fill(self.url, "rows")
        self.check_index(self.url, "rows")
        self.check_compact(self.url, "rows")
        jobs = json_lines(varve("jobs", self.url, "--json"))
        self.assertTrue(any(j["state"] == "done" and j["collection_name"] == "rows" for j in jobs))
        out = varve("jobs", self.url).splitlines()
        self.assertEqual(out[0].split()[:4], ["id", "state", "collection", "kind"])
        self.assertRegex(out[-1], r"^ *\d+ \w+ +default/rows +\w+ +100 %")
        self.assertIn("404", varve("jobs", self.url, "--cancel", 987654321, code=1))
        self.assertIn("owned by", varve("jobs", self.folder, code=1))
        self.assertIn("owned by", varve("compact", self.folder, code=1))

    def test_mode_of_a_new_collection(self):
        """The server's own compactor builds the index of what comes in."""
        self.fill(self.url, "ahead", "--index-mode", "HNSW-L2")
        varve("checkpoint", self.url, "-c", "ahead")
        deadline = time.monotonic() + 30
        while self.stats(self.url, "ahead")["rows_indexed"] != str(ROWS):
            self.assertLess(time.monotonic(), deadline, varve("jobs", self.url))
            time.sleep(0.1)
        varve("create", self.url, "-c", "empty", "--dim", 4, "--index-mode", "IVF-L2")
        self.assertEqual(self.stats(self.url, "empty")["index_mode"], "IVF-L2")


class Usage(unittest.TestCase):
    def test_wrong(self):
        for words in (
            ["index", "d", "-c", "c"],
            ["index", "d", "--index-mode", "FLAT-L2"],
            ["index", "-c", "c", "--index-mode", "FLAT-L2"],
            ["index", "d", "x", "-c", "c", "--index-mode", "FLAT-L2"],
            ["index", "d", "-c", "c", "--index-mode", "FLAT-L2", "--param", "m"],
            ["index", "d", "-c", "c", "--index-mode", "FLAT-L2", "--param", "m=0"],
            ["index", "d", "-c", "c", "--index-mode", "FLAT-L2", "--param", "zz=1"],
            ["index", "d", "-c", "c", "--index-mode", "FLAT-L2", "--param", "alpha=0.5"],
            ["index", "d", "-c", "c", "--index-mode", "none", "--param", "m=5"],
            ["index", "http://x", "-c", "c", "--index-mode", "FLAT-L2", "--compactor-path", "x"],
            ["compact"],
            ["compact", "d", "x"],
            ["compact", "http://x", "--compactor-path", "x"],
            ["jobs"],
            ["jobs", "d", "x"],
            ["jobs", "d", "--cancel", "1"],
            ["jobs", "http://x", "--cancel", "one"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--ef", "0"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--nprobe", "-1"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--recall", "1.5"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--recall", "0"],
        ):
            varve(*words, code=2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    test_cli.VARVE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
