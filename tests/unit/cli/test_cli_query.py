#!/usr/bin/env python3
"""The varve command: filters, words, sparse vectors, fields of vectors; on a folder and a server.

Usage: test_cli_query.py PATH_OF_VARVE [unittest arguments]. Python's standard library is enough.
"""

import json
import os
import sys
import tempfile
import unittest

import test_cli
from test_cli import FIRST_ID, ROWS, Base, fields, json_lines, l2, start_server, varve, vector

EVEN = [FIRST_ID + row for row in range(ROWS) if row % 2 == 0]


class Checks:
    """What holds on a folder and on a server; `where` is which."""

    def hits(self, *arguments):
        return self.ids(self.where, "rows", *arguments)

    def query(self, *arguments):
        out = varve("query", self.where, "-c", "rows", "--json", *arguments)
        return [row["id"] for row in json_lines(out)]

    def count(self, *arguments):
        return int(varve("count", self.where, "-c", "rows", *arguments))

    def test_search(self):
        like = ["--vector", json.dumps(vector(7)), "-k", 5]
        near = sorted(range(ROWS), key=lambda row: (l2(vector(row), vector(7)), row))
        rows = [FIRST_ID + row for row in near if row % 2 == 0][:5]
        self.assertEqual(self.hits(*like, "--where", "even = true"), rows)
        self.assertEqual(self.hits(*like, "--where", "even = :e", "--param", "e=true"), rows)
        must = json.dumps({"must": [{"key": "even", "match": {"value": True}}]})
        self.assertEqual(self.hits(*like, "--filter", must), rows)
        few = [FIRST_ID + row for row in near if row < 3]
        self.assertEqual(self.hits(*like, "--where", "n < :n", "--param", "n=3"), few)
        limit = l2(vector(near[20]), vector(7)) + 1e-4
        inside = [FIRST_ID + row for row in near[:21] if row % 2 == 0]
        ranged = ["--vector", json.dumps(vector(7)), "--range", limit, "-k", 100, "--fields"]
        self.assertEqual(self.hits(*ranged, "--where", "even"), inside)

    def test_query_and_count(self):
        self.assertEqual(self.count(), ROWS)
        self.assertEqual(self.count("--where", "even"), ROWS / 2)
        self.assertEqual(self.query("--where", "even", "-n", 4), EVEN[:4])
        self.assertEqual(self.query("--where", "even", "-n", 4, "--offset", 2), EVEN[2:6])
        down = ["--order-by", "n", "--descending"]
        self.assertEqual(self.query("--where", "even", "-n", 3, *down), EVEN[::-1][:3])
        named = ["--where", "name = :x", "--param", "x=row 7"]
        rows = json_lines(
            varve("query", self.where, "-c", "rows", "--json", "--vectors", *named)
        )
        self.assertEqual(rows, [{"id": FIRST_ID + 7, "vector": vector(7), "fields": fields(7)}])
        both = ["--where", "n IN (:l)", "--param", "l=[1, 2]"]
        self.assertEqual(self.query(*both), [FIRST_ID + 1, FIRST_ID + 2])

    def test_refused(self):
        for verb in ("query", "count", "delete"):
            said = varve(verb, self.where, "-c", "rows", "--where", "n =", code=1)
            self.assertIn("column 4", said)
            varve(verb, self.where, "-c", "rows", "--where", "n = 1", "--filter", "{}", code=2)
            varve(verb, self.where, "-c", "rows", "--param", "a=1", code=2)
            varve(verb, self.where, "-c", "rows", "--where", "n = :a", "--param", "a", code=2)
        varve("delete", self.where, "-c", "rows", "--where", "n = 1", "7", code=2)
        varve("search", self.where, "-c", "rows", code=2)
        varve("search", self.where, "-c", "rows", "--text", "x", "--range", 1, code=2)
        varve("search", self.where, "-c", "rows", "--text-field", "x", "--like-id", 1, code=2)
        for sparse in ("", "7", "7:", "7:x", "7:1,", "-1:1", "4294967296:1"):
            varve("search", self.where, "-c", "rows", "--sparse", sparse, code=2)
        varve("search", self.where, "-c", "rows", "--text", "x", "--fusion", "y", code=2)
        varve("query", self.where, "-c", "rows", "--descending", code=2)
        varve("query", self.where, "-c", "rows", "-n", 0, code=2)
        varve("field", "make", self.where, "-c", "rows", code=2)
        varve("field", "create", self.where, "v", "-c", "rows", code=2)
        varve("field", "drop", self.where, "-c", "rows", code=2)
        varve("recall", self.where, "-c", "rows", "--samples", 0, code=2)

    def test_delete(self):
        said = varve("delete", self.where, "-c", "rows", "--where", "n < 3")
        self.assertEqual(said, "3 rows changed\n")
        self.assertEqual(self.count(), ROWS - 3)
        varve("restore", self.where, "-c", "rows", FIRST_ID, FIRST_ID + 1, FIRST_ID + 2)
        self.assertEqual(self.count(), ROWS)

    def test_words(self):
        self.assertEqual(self.hits("--text", "17", "-k", 3), [FIRST_ID + 17])
        self.assertEqual(self.hits("--text", "17", "--text-field", "name"), [FIRST_ID + 17])
        self.assertEqual(self.hits("--text", "17", "--text-field", "é"), [])
        both = ["--text", "17", "--vector", json.dumps(vector(17)), "-k", 2]
        self.assertEqual(self.hits(*both)[0], FIRST_ID + 17)
        for fusion in ("weighted", "dbsf", "rrf"):
            self.assertEqual(len(self.hits(*both, "--fusion", fusion)), 2)

    def test_recall(self):
        out = varve("recall", self.where, "-c", "rows", "-k", 5, "--samples", 20)
        self.assertRegex(out, r"^recall@5 1\.0000, least 1\.0000, of 20 queries; ")

    def test_fields(self):
        place = [self.where, "-c", "rows"]
        varve("field", "create", *place[:1], "v", *place[1:], "--dim", 3, "--metric", "l2")
        varve("field", "create", *place[:1], "words", *place[1:], "--kind", "sparse")
        lines = varve("field", "list", *place).splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["default", "v", "words"])
        self.assertRegex(lines[1], r"^v +dense +3 +float32 +FLAT-L2|- +0 rows$")
        self.assertEqual(self.hits("--vector", "[1, 2, 3]", "--field", "v"), [])
        self.assertEqual(self.hits("--sparse", "7:1", "--sparse-field", "words"), [])
        self.assertIn(
            "nosuch",
            varve("search", *place, "--vector", "[1, 2, 3]", "--field", "nosuch", code=1),
        )
        varve("field", "drop", *place[:1], "v", *place[1:])
        varve("field", "drop", *place[:1], "words", *place[1:])
        self.assertEqual(len(varve("field", "list", *place).splitlines()), 1)
        varve("field", "drop", *place[:1], "v", *place[1:], code=1)


class Folder(Checks, Base):
    def setUp(self):
        self.where = tempfile.mkdtemp(dir=self.temp)
        self.import_rows(self.where, "rows")


class Server(Checks, Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.process, cls.where = start_server(os.path.join(cls.temp, "served"))

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait(60)
        super().tearDownClass()

    def setUp(self):
        self.import_rows(self.where, "rows")

    def tearDown(self):
        varve("drop", self.where, "-c", "rows")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    test_cli.VARVE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
