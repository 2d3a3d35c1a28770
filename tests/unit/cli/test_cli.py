#!/usr/bin/env python3
"""The varve command from end to end, on a temporary folder and on a server of its own.

Usage: test_cli.py PATH_OF_VARVE [unittest arguments]. Python's standard library is all it needs.
"""

import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

VARVE = ""
DIM, ROWS, FIRST_ID = 8, 1000, 100


def vector(row):
    """A vector that float16 holds, and six decimals write, exactly."""
    state = row * 2654435761 % 2**32
    values = []
    for _ in range(DIM):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 25) / 64 - 1)
    return values


def write_npy(path, rows, descr="<f2", code="e"):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }" % (
        descr,
        len(rows),
        len(rows[0]),
    )
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            f.write(struct.pack("<%d%s" % (len(row), code), *row))


def fields(row):
    return {"name": "row %d" % row, "even": row % 2 == 0, "n": row, "é": ["ü", None, 1.5]}


def l2(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b))


def nearest(query, k, rows=range(ROWS)):
    return sorted(rows, key=lambda row: (l2(vector(row), query), row))[:k]


def varve(*arguments, stdin=None, code=0):
    """Run the command; its standard output. The exit code must be the one expected."""
    done = subprocess.run(
        [VARVE, *map(str, arguments)], input=stdin, capture_output=True, timeout=60
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, "varve %s: exit code %d\n%s%s" % (
        " ".join(map(str, arguments)),
        done.returncode,
        out,
        err,
    )
    if code != 0:
        assert err.startswith("varve"), err
        return err
    return out


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.mkdtemp(prefix="varve-test-cli-")
        cls.npy = os.path.join(cls.temp, "rows.f16.npy")
        cls.fields = os.path.join(cls.temp, "rows.ndjson")
        write_npy(cls.npy, [vector(row) for row in range(ROWS)])
        with open(cls.fields, "w", encoding="utf-8") as f:
            for row in range(ROWS):
                f.write(json.dumps(fields(row), ensure_ascii=False) + "\n")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.temp)

    def import_rows(self, where, collection, *more):
        return varve(
            "import",
            self.npy,
            "--fields-from",
            self.fields,
            "--to",
            where,
            "--collection",
            collection,
            "--ids-start",
            FIRST_ID,
            "--index-mode",
            "FLAT-L2",
            *more
        )

    def ids(self, where, collection, *search):
        return [
            hit["id"]
            for hit in json_lines(varve("search", where, "-c", collection, "--json", *search))
        ]

    def check_rows(self, where, collection):
        """What import_rows() brought is all there."""
        query = [x + 0.01 for x in vector(7)]
        hits = json_lines(
            varve(
                "search",
                where,
                "-c",
                collection,
                "--vector",
                json.dumps(query),
                "-k",
                5,
                "--fields",
                "--json",
            )
        )
        rows = nearest(query, 5)
        self.assertEqual([hit["id"] for hit in hits], [FIRST_ID + row for row in rows])
        self.assertEqual([hit["fields"] for hit in hits], [fields(row) for row in rows])
        for hit, row in zip(hits, rows):
            self.assertAlmostEqual(hit["score"], l2(vector(row), query), places=5)
        self.assertEqual(
            self.ids(where, collection, "--vector-file", self.npy, "--row", 31, "-k", 3),
            [FIRST_ID + row for row in nearest(vector(31), 3)],
        )
        self.assertEqual(
            self.ids(where, collection, "--like-id", FIRST_ID + 31, "-k", 2),
            [FIRST_ID + row for row in nearest(vector(31), 3)[1:]],
        )
        threshold = l2(vector(nearest(query, 4)[3]), query) + 1e-4
        self.assertEqual(
            self.ids(where, collection, "--vector", json.dumps(query), "--range", threshold),
            [FIRST_ID + row for row in range(ROWS) if l2(vector(row), query) <= threshold]
            and [FIRST_ID + row for row in nearest(query, 4)],
        )
        head = json_lines(varve("head", where, "-c", collection, "-n", 3, "--vectors", "--json"))
        self.assertEqual(
            head,
            [
                {"id": FIRST_ID + row, "vector": vector(row), "fields": fields(row)}
                for row in range(3)
            ],
        )
        tail = json_lines(varve("tail", where, "-c", collection, "-n", 2, "--json"))
        self.assertEqual([row["id"] for row in tail], [FIRST_ID + ROWS - 2, FIRST_ID + ROWS - 1])
        got = json_lines(varve("get", where, "-c", collection, FIRST_ID + 9, FIRST_ID, "--json"))
        self.assertEqual(got, [{"id": FIRST_ID + row, "fields": fields(row)} for row in (9, 0)])

    def check_delete(self, where, collection):
        first = self.ids(where, collection, "--vector-file", self.npy, "--row", 5, "-k", 2)
        varve("delete", where, "-c", collection, first[0], 999999)
        self.assertEqual(
            self.ids(where, collection, "--vector-file", self.npy, "--row", 5, "-k", 1), first[1:]
        )
        varve("restore", where, "-c", collection, first[0])
        self.assertEqual(
            self.ids(where, collection, "--vector-file", self.npy, "--row", 5, "-k", 2), first
        )
        self.assertIn("does not exist", varve("get", where, "-c", collection, 999999, code=1))

    def check_string_ids(self, where):
        lines = (
            "\n".join(
                json.dumps({"id": id, "vector": vector(i), "n": i})
                for i, id in enumerate(["a", "17", 17, 'ü "x"', 2**64 - 1])
            )
            + "\n"
        )
        varve(
            "import",
            "-",
            "--to",
            where,
            "-c",
            "texts",
            "--index-mode",
            "FLAT-L2",
            stdin=lines.encode(),
        )
        self.assertEqual(
            self.ids(where, "texts", "--vector", json.dumps(vector(1)), "-k", 1), ["17"]
        )
        self.assertEqual(
            json_lines(varve("get", where, "-c", "texts", "17", '"17"', "a", "--json")),
            [
                {"id": 17, "fields": {"n": 2}},
                {"id": "17", "fields": {"n": 1}},
                {"id": "a", "fields": {"n": 0}},
            ],
        )
        self.assertEqual(
            self.ids(where, "texts", "--vector", json.dumps(vector(4)), "-k", 1), [2**64 - 1]
        )
        # Refused as a whole: "b" is new, "a" exists.
        more = "".join(
            json.dumps({"id": id, "vector": vector(9), "n": 9}) + "\n" for id in ("b", "a")
        )
        self.assertIn(
            "already exists",
            varve("import", "-", "--to", where, "-c", "texts", stdin=more.encode(), code=1),
        )
        self.assertIn("does not exist", varve("get", where, "-c", "texts", "b", code=1))
        varve("import", "-", "--to", where, "-c", "texts", "--upsert", stdin=more.encode())
        self.assertEqual(
            json_lines(varve("get", where, "-c", "texts", "a", "b", "--json")),
            [{"id": id, "fields": {"n": 9}} for id in ("a", "b")],
        )

    def check_failed_import(self, where):
        """Nothing is left of an import that fails, not even the collection."""
        bad = '{"vector": [1, 2]}\n{"vector": [1]}\n'
        self.assertIn(
            "line 2", varve("import", "-", "--to", where, "-c", "none", stdin=bad.encode(), code=1)
        )
        self.assertNotIn("none", varve("collections", where))


class Folder(Base):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=self.temp)

    def test_rows(self):
        out = self.import_rows(self.folder, "rows")
        self.assertRegex(out, r"^%d rows in \d+\.\d s \(\d+ rows/s\)\n$" % ROWS)
        self.check_rows(self.folder, "rows")
        self.check_delete(self.folder, "rows")
        self.assertRegex(
            varve("collections", self.folder), r"default +rows +1000 +8 +float16 +FLAT-L2"
        )
        self.assertRegex(varve("stats", self.folder, "-c", "rows"), r"rows +1000\n")
        self.assertRegex(varve("stats", self.folder), r"collections +1\n")
        varve("checkpoint", self.folder)
        self.check_rows(self.folder, "rows")
        self.assertIn("sound", varve("fsck", self.folder))

    def test_batches(self):
        self.import_rows(
            self.folder, "rows", "--commit", "batch", "--batch-rows", "99", "--dtype", "float32"
        )
        self.check_rows(self.folder, "rows")
        self.assertRegex(varve("collections", self.folder), r"float32 +FLAT-L2")
        # Half of it is there already: the batches before that one stay.
        varve(
            "import",
            self.npy,
            "--to",
            self.folder,
            "-c",
            "rows",
            "--ids-start",
            0,
            "--commit",
            "batch",
            "--batch-rows",
            50,
            code=1,
        )
        self.assertRegex(varve("stats", self.folder, "-c", "rows"), r"rows +1100\n")

    def test_other_metric(self):
        self.import_rows(self.folder, "rows")
        query = vector(3)
        by_l1 = sorted(
            range(ROWS), key=lambda r: (sum(abs(a - b) for a, b in zip(vector(r), query)), r)
        )[:4]
        self.assertEqual(
            self.ids(self.folder, "rows", "--vector", json.dumps(query), "--metric", "l1", "-k", 4),
            [FIRST_ID + row for row in by_l1],
        )

    def test_table(self):
        self.import_rows(self.folder, "rows")
        out = varve(
            "search", self.folder, "-c", "rows", "--like-id", FIRST_ID, "-k", 2, "--fields"
        ).splitlines()
        self.assertEqual(out[0].split(), ["score", "id", "fields"])
        self.assertEqual(len(out), 3)
        self.assertIn('"name":"row ', out[1])

    def test_ids(self):
        self.check_string_ids(self.folder)
        self.check_failed_import(self.folder)

    def test_automatic_ids(self):
        varve("import", self.npy, self.npy, "--to", self.folder, "-c", "rows")
        self.assertRegex(varve("stats", self.folder, "-c", "rows"), r"rows +2000\n")

    def test_uneven_pair(self):
        short = os.path.join(self.folder, "short.npy")
        write_npy(short, [vector(row) for row in range(10)])
        err = varve(
            "import",
            short,
            "--fields-from",
            self.fields,
            "--to",
            os.path.join(self.folder, "d"),
            "-c",
            "rows",
            code=1,
        )
        self.assertIn("has more rows", err)

    @unittest.skipUnless(shutil.which("zstd"), "needs the zstd program")
    def test_zstd(self):
        packed = os.path.join(self.folder, "rows.npy.zst")
        subprocess.run(["zstd", "-q", self.npy, "-o", packed], check=True)
        subprocess.run(["zstd", "-q", self.fields], check=True)
        varve(
            "import",
            packed,
            "--fields-from",
            self.fields + ".zst",
            "--to",
            os.path.join(self.folder, "d"),
            "-c",
            "rows",
            "--ids-start",
            FIRST_ID,
            "--index-mode",
            "FLAT-L2",
        )
        self.check_rows(os.path.join(self.folder, "d"), "rows")

    def test_collections(self):
        varve(
            "create",
            self.folder,
            "-d",
            "other",
            "-c",
            "empty",
            "--dim",
            4,
            "--dtype",
            "uint8",
            "--index-mode",
            "FLAT-HAMMING",
        )
        self.assertIn("exists", varve("create", self.folder, "-d", "other", "-c", "empty", code=1))
        self.assertRegex(
            varve("collections", self.folder), r"other +empty +0 +4 +uint8 +FLAT-HAMMING"
        )
        varve("drop", self.folder, "-d", "other", "-c", "empty")
        varve("drop", self.folder, "-d", "other", "-c", "empty", code=1)
        self.assertNotIn("empty", varve("collections", self.folder, "-d", "other"))

    def test_fsck_finds_damage(self):
        self.import_rows(self.folder, "rows")
        varve("checkpoint", self.folder)
        self.assertIn("sound", varve("fsck", self.folder))
        self.assertIn("nothing was lost", varve("fsck", self.folder, "--accept-loss"))
        victims = glob.glob(os.path.join(self.folder, "**", "*.sst"), recursive=True)
        victims += glob.glob(os.path.join(self.folder, "**", "*.seg"), recursive=True)
        self.assertTrue(victims)
        path = max(victims, key=os.path.getsize)
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        done = subprocess.run([VARVE, "fsck", self.folder], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_missing(self):
        nowhere = os.path.join(self.folder, "nowhere")
        self.assertTrue(varve("stats", nowhere, code=1).startswith("varve stats: "))
        self.assertFalse(os.path.exists(nowhere), "reading must create nothing")
        varve("import", os.path.join(self.folder, "no.npy"), "--to", nowhere, "-c", "x", code=1)
        varve("get", self.folder, "-c", "none", "1", code=1)


BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench/data")


@unittest.skipUnless(
    os.path.exists(os.path.join(BUNDLED, "truth.top100.i32.npy")), "needs the bundled data set"
)
class Bundled(unittest.TestCase):
    def test_truth(self):
        """Searches of the bundled data find exactly the rows computed in float64 with it."""
        queries = os.path.join(BUNDLED, "queries.f16.npy")
        with open(os.path.join(BUNDLED, "truth.top100.i32.npy"), "rb") as f:
            truth = f.read()[128:]
        with tempfile.TemporaryDirectory(prefix="varve-test-cli-") as folder:
            varve(
                "import",
                os.path.join(BUNDLED, "packages.f16.npy"),
                "--fields-from",
                os.path.join(BUNDLED, "packages.ndjson.zst"),
                "--to",
                folder,
                "-c",
                "packages",
                "--ids-start",
                0,
                "--index-mode",
                "FLAT-IP",
            )
            for row in range(0, 200, 25):
                hits = json_lines(
                    varve(
                        "search",
                        folder,
                        "-c",
                        "packages",
                        "--vector-file",
                        queries,
                        "--row",
                        row,
                        "-k",
                        100,
                        "--json",
                    )
                )
                self.assertEqual(
                    [hit["id"] for hit in hits], list(struct.unpack_from("<100i", truth, 400 * row))
                )


class Usage(unittest.TestCase):
    def test_help(self):
        overview = varve("help")
        for verb in ("import", "search", "fsck", "serve"):
            self.assertIn(verb, overview)
            self.assertIn("varve " + verb, varve("help", verb))
        self.assertEqual(varve("import", "--help"), varve("help", "import"))
        self.assertRegex(varve("version"), r"^varve \d+\.\d+\.\d+\n$")
        self.assertEqual(varve("--version"), varve("version"))

    def test_wrong(self):
        for words in (
            [],
            ["fly"],
            ["help", "fly"],
            ["import"],
            ["import", "x.npy"],
            ["import", "x.npy", "--to", "d"],
            ["import", "x.npy", "--to", "d", "-c", "c", "--format", "csv"],
            ["import", "x.npy", "--to", "d", "-c", "c", "--batch-rows", "0"],
            ["import", "x.npy", "--to", "d", "-c", "c", "--commit", "never"],
            ["import", "x.npy", "--to", "d", "-c", "c", "--ids-start", "-1"],
            ["search", "d", "-c", "c"],
            ["search", "-c", "c", "--vector", "[1]"],
            ["search", "d", "--vector", "[1]"],
            ["search", "d", "-c", "c", "--vector", "[1]", "-k", "0"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--like-id", "1"],
            ["search", "d", "-c", "c", "--vector", "[1]", "--metric", "miles"],
            ["search", "d", "-c", "c", "--flag"],
            ["search", "d", "-c"],
            ["get", "d", "-c", "c"],
            ["drop", "d", "x", "-c", "c"],
            ["head", "d", "x", "-c", "c"],
            ["create", "d", "x", "-c", "c"],
            ["stats", "d", "x"],
            ["fsck", "d", "x"],
            ["search", "d", "x", "-c", "c", "--vector", "[1]"],
            ["fsck"],
            ["fsck", "http://x"],
            ["stats", "http://x"],
            ["version", "x"],
        ):
            varve(*words, code=2)


def start_server(folder, *more):
    """A server on a free port, ready to answer: its process and its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = "http://127.0.0.1:%d" % port
    process = subprocess.Popen(
        [VARVE, "serve", "--port", str(port), "--data-dir", folder, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url + "/readyz", timeout=1).close()
            return process, url
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    process.kill()
    process.wait()
    raise AssertionError("the server does not answer")


class Loss(Base):
    def test_accept_loss(self):
        """A log that ends too early is refused until its loss is accepted, and then it is said."""
        folder = os.path.join(self.temp, "lossy")
        process, url = start_server(folder)
        try:
            self.import_rows(url, "rows", "--commit", "batch", "--batch-rows", 100)
            time.sleep(0.5)  # the acknowledged floor is written every 100 ms
        finally:
            process.kill()
            process.wait()
        logs = glob.glob(os.path.join(folder, "rocks", "*.log"))
        log = max(logs, key=os.path.getsize)
        os.truncate(log, os.path.getsize(log) // 2)
        refusal = varve("stats", folder, code=1)
        self.assertIn("--accept-loss", refusal)
        varve("import", self.npy, "--to", folder, "-c", "other", code=1)
        out = varve("fsck", folder, "--accept-loss")
        self.assertIn("given up: ", out)
        self.assertIn("sound", out)
        live = [
            line
            for line in varve("stats", folder, "-c", "rows").splitlines()
            if line.startswith("rows  ")
        ]
        self.assertTrue(0 < int(live[0].split()[1]) < ROWS, live)
        self.assertIn("nothing was lost", varve("fsck", folder, "--accept-loss"))


class Server(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.process, cls.url = start_server(os.path.join(cls.temp, "served"), "--api-key", "sesame")
        os.environ["VARVE_API_KEY"] = "sesame"

    @classmethod
    def tearDownClass(cls):
        os.environ.pop("VARVE_API_KEY", None)
        cls.process.terminate()
        cls.process.wait(timeout=30)
        super().tearDownClass()

    def test_rows(self):
        self.import_rows(self.url, "rows")
        self.check_rows(self.url, "rows")
        self.check_delete(self.url, "rows")
        self.assertRegex(
            varve("collections", self.url), r"default +rows +1000 +8 +float16 +FLAT-L2"
        )
        self.assertRegex(varve("stats", self.url, "-c", "rows"), r"n_live +1000\n")
        varve("checkpoint", self.url, "-c", "rows")
        # Beside the server the folder can be read, and not be written.
        folder = os.path.join(self.temp, "served")
        self.check_rows(folder, "rows")
        self.assertIn("owned by", varve("delete", folder, "-c", "rows", "1", code=1))

    def test_batches(self):
        self.import_rows(
            self.url, "batches", "--commit", "batch", "--batch-rows", "99", "-d", "other"
        )
        self.assertRegex(
            varve("stats", self.url, "-d", "other", "-c", "batches"), r"n_live +1000\n"
        )

    def test_ids(self):
        self.check_string_ids(self.url)
        self.check_failed_import(self.url)

    def test_collections(self):
        varve("create", self.url, "-c", "empty", "--dim", 4)
        self.assertIn("exists", varve("create", self.url, "-c", "empty", code=1))
        varve("drop", self.url, "-c", "empty")
        varve("drop", self.url, "-c", "empty", code=1)

    def test_refused(self):
        self.assertIn("401", varve("collections", self.url, "--api-key", "wrong", code=1))
        self.assertIn("varve stats: ", varve("stats", self.url, "-c", "missing", code=1))
        varve("collections", "http://127.0.0.1:1", code=1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    VARVE = os.path.abspath(sys.argv.pop(1))
    unittest.main()
