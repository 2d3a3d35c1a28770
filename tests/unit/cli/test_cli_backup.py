#!/usr/bin/env python3
"""Snapshots, exports and backups by the varve command, on folders and on a server of its own.

Usage: test_cli_backup.py PATH_OF_VARVE [unittest arguments]
"""

import glob
import json
import os
import shutil
import sys
import tempfile
import unittest

import test_cli
from test_cli import json_lines, start_server, varve

ROWS = 60
PASSPHRASE = "VARVE_BACKUP_PASSPHRASE"


class Base(unittest.TestCase):
    def setUp(self):
        self.temp = tempfile.mkdtemp(prefix="varve-test-cli-")
        self.addCleanup(shutil.rmtree, self.temp)
        self.addCleanup(os.environ.pop, PASSPHRASE, None)
        self.folder = self.path("data")

    def path(self, name):
        return os.path.join(self.temp, name)

    def fill(self, where, collection, first=1, rows=ROWS, *more):
        lines = [
            json.dumps({"id": i, "vector": [i, -i, 0.5, 1], "n": i, "text": "row %d" % i})
            for i in range(first, first + rows)
        ]
        varve(
            "import", "-", "--to", where, "-c", collection, "--index-mode", "FLAT-L2", *more,
            stdin="\n".join(lines).encode()
        )

    def rows(self, where, collection, *more):
        """All of a collection: ids with fields."""
        out = varve("head", where, "-c", collection, "-n", 1000, "--json", *more)
        return [(row["id"], row["fields"]) for row in json_lines(out)]

    def collections(self, where):
        return sorted(line.split()[1] for line in varve("collections", where).splitlines()[1:])


class Snapshots(Base):
    def setUp(self):
        super().setUp()
        self.fill(self.folder, "docs")
        self.fill(self.folder, "other", 500, 5)
        self.before = self.rows(self.folder, "docs")
        self.assertEqual(len(self.before), ROWS)

    def change(self):
        varve("delete", self.folder, "-c", "docs", 1, 2, 3)
        self.fill(self.folder, "docs", 900, 7)

    def test_back_to_what_was(self):
        varve("snapshot", "create", self.folder, "all")
        self.change()
        changed = self.rows(self.folder, "docs")
        self.assertNotEqual(changed, self.before)
        err = varve("snapshot", "restore", self.folder, "all", code=1)
        self.assertIn("exists", err)
        self.assertEqual(self.rows(self.folder, "docs"), changed)
        varve("snapshot", "restore", self.folder, "all", "--overwrite")
        self.assertEqual(self.rows(self.folder, "docs"), self.before)

    def test_other_names(self):
        varve("snapshot", "create", self.folder, "one", "-c", "docs")
        self.change()
        varve("snapshot", "restore", self.folder, "one", "--as", "was", "--to-database", "old")
        self.assertEqual(self.rows(self.folder, "was", "-d", "old"), self.before)
        varve("snapshot", "restore", self.folder, "one", "--to", self.path("new"))
        self.assertEqual(self.collections(self.path("new")), ["docs"])
        self.assertEqual(self.rows(self.path("new"), "docs"), self.before)

    def test_whole_database(self):
        varve("snapshot", "create", self.folder, "db", "-d", "default")
        self.fill(self.folder, "later", 1, 3)
        self.change()
        varve("snapshot", "restore", self.folder, "db", "--overwrite")
        self.assertEqual(self.collections(self.folder), ["docs", "other"])
        self.assertEqual(self.rows(self.folder, "docs"), self.before)

    def test_list_info_delete(self):
        varve("snapshot", "create", self.folder, "a", "-c", "docs")
        varve("snapshot", "create", self.folder, "b")
        err = varve("snapshot", "create", self.folder, "b", code=1)
        self.assertIn("snapshot create", err)
        listed = json_lines(varve("snapshot", "list", self.folder, "--json"))
        self.assertEqual([s["name"] for s in listed], ["a", "b"])
        self.assertEqual([s["kind"] for s in listed], ["collection", "all"])
        self.assertEqual([s["rows"] for s in listed], [ROWS, ROWS + 5])
        self.assertEqual(len(varve("snapshot", "list", self.folder).splitlines()), 3)
        self.assertIn("docs", varve("snapshot", "info", self.folder, "a"))
        varve("snapshot", "delete", self.folder, "a")
        varve("snapshot", "info", self.folder, "a", code=1)
        self.assertEqual(os.listdir(os.path.join(self.folder, "snapshots")), ["b"])

    def test_root(self):
        varve("snapshot", "create", self.folder, "r", "--root", self.path("elsewhere"))
        self.assertEqual(os.listdir(self.path("elsewhere")), ["r"])
        self.assertEqual(json_lines(varve("snapshot", "list", self.folder, "--json")), [])
        self.assertIn("sound", varve("snapshot", "verify", self.folder, "r", "--root",
                                     self.path("elsewhere")))

    def test_damage_is_found(self):
        varve("checkpoint", self.folder, "-c", "docs")
        varve("snapshot", "create", self.folder, "d")
        pattern = os.path.join(self.folder, "snapshots", "d", "rocks", "*.sst")
        with open(max(glob.glob(pattern), key=os.path.getsize), "r+b") as f:
            f.seek(40)
            byte = f.read(1)
            f.seek(40)
            f.write(bytes([byte[0] ^ 1]))
        self.assertIn("damaged", varve("snapshot", "verify", self.folder, "d", code=1))
        varve("snapshot", "restore", self.folder, "d", "--to", self.path("new"), code=1)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_usage(self):
        for line in (
            ("snapshot",),
            ("snapshot", "nonsense"),
            ("snapshot", "create", self.folder),
            ("snapshot", "create", self.folder, "a", "b"),
            ("snapshot", "create", self.folder, "../x"),
            ("snapshot", "create", self.folder, ".x"),
            ("snapshot", "list", "http://127.0.0.1:1"),
            ("snapshot", "create", "http://127.0.0.1:1", "all"),
            ("snapshot", "restore", self.folder, "a", "--to", "x", "--as", "y"),
            ("snapshot", "create", self.folder, "a", "--json=1"),
        ):
            varve(*line, code=2)
        for verb in ("snapshot", "backup"):
            self.assertIn("%s create" % verb, varve("help", verb))
            self.assertIn("FOLDER", varve(verb, "create", "--help"))
            self.assertEqual(varve(verb, "list", "--help"), varve("help", verb, "list"))


class Exports(Base):
    def test_there_and_back(self):
        self.fill(self.folder, "docs")
        varve("delete", self.folder, "-c", "docs", 7)
        for layout in ("varve", "lynsedb"):
            export = self.path(layout)
            varve("export", self.folder, "-c", "docs", "--to", export, "--layout", layout)
            varve("export", self.folder, "-c", "docs", "--to", export, code=1)
            varve("import", export, "--to", self.folder, "-c", layout)
            self.assertEqual(self.rows(self.folder, layout), self.rows(self.folder, "docs"))
            varve("import", export, "--to", self.folder, "-c", layout, code=1)
        varve("delete", self.folder, "-c", "varve", 10)
        varve("import", self.path("varve"), "--to", self.folder, "-c", "varve", "--overwrite")
        self.assertEqual(self.rows(self.folder, "varve"), self.rows(self.folder, "docs"))
        varve("restore", self.folder, "-c", "varve", 7)
        self.assertEqual(len(self.rows(self.folder, "varve")), ROWS)
        varve("import", self.path("varve"), "--to", self.path("new"), "-c", "docs", "-d", "mine")
        self.assertEqual(len(self.rows(self.path("new"), "docs", "-d", "mine")), ROWS - 1)

    def test_changed_file_is_refused(self):
        self.fill(self.folder, "docs")
        varve("export", self.folder, "-c", "docs", "--to", self.path("x"))
        with open(self.path("x/vectors.npy"), "r+b") as f:
            f.seek(-1, os.SEEK_END)
            f.write(b"\x7f")
        varve("import", self.path("x"), "--to", self.folder, "-c", "back", code=1)
        self.assertEqual(self.collections(self.folder), ["docs"])
        self.assertEqual(os.listdir(os.path.join(self.folder, "work")), [])

    def test_usage(self):
        varve("export", self.folder, "-c", "docs", code=2)
        varve("export", self.folder, "--to", self.path("x"), code=2)
        varve("export", self.folder, "-c", "docs", "--to", "x", "--layout", "csv", code=2)
        varve("import", "-", "--to", self.folder, "-c", "docs", "--overwrite", code=2)


class Backups(Base):
    def setUp(self):
        super().setUp()
        self.repo = self.path("repo")
        self.fill(self.folder, "docs")

    def backup(self, verb, *more, code=0):
        return varve("backup", verb, *more, "--repo", self.repo, code=code)

    def create(self, *more):
        (answer,) = json_lines(self.backup("create", self.folder, "--json", *more))
        return answer

    def test_create_list_restore(self):
        first = self.create()
        self.assertEqual([first["skipped"], first["kind"]], [False, "full"])
        before = self.rows(self.folder, "docs")
        again = self.create()
        self.assertEqual([again["skipped"], again["snapshot"]], [True, first["snapshot"]])
        varve("delete", self.folder, "-c", "docs", 1, 2)
        self.fill(self.folder, "more", 1, 4)
        second = self.create()
        self.assertEqual([second["skipped"], second["kind"]], [False, "incremental"])
        self.assertLess(second["files_new"], second["files"])
        self.assertEqual(self.create("--kind", "full")["kind"], "full")

        listed = json_lines(self.backup("list", "--json"))
        self.assertEqual([s["rows"] for s in listed], [ROWS, ROWS + 2, ROWS + 2])
        self.assertEqual([s["deleted"] for s in listed], [0, 2, 2])
        self.assertEqual(listed[0]["snapshot"], first["snapshot"])
        # The last two have one sequence number; a full one has no parent.
        parents = {s["snapshot"]: s.get("parent") for s in listed}
        self.assertEqual(parents[second["snapshot"]], first["snapshot"])
        self.assertEqual(len(self.backup("list", self.folder).splitlines()), 4)
        (info,) = json_lines(self.backup("info", "--json", "--snapshot", first["snapshot"]))
        self.assertEqual(
            info["collection_list"],
            [{"database": "default", "name": "docs", "rows": ROWS, "deleted": 0}],
        )
        self.assertEqual(info["storage_format"], 3)

        self.backup("restore", "--to", self.path("latest"))
        varve("restore", "--repo", self.repo, "--to", self.path("short"))
        self.assertEqual(self.rows(self.path("short"), "docs"), self.rows(self.folder, "docs"))
        self.assertEqual(self.collections(self.path("latest")), ["docs", "more"])
        self.assertEqual(self.rows(self.path("latest"), "docs"), self.rows(self.folder, "docs"))
        old = self.path("old")
        self.backup("restore", "--to", old, "--snapshot", first["snapshot"])
        self.assertEqual(self.rows(old, "docs"), before)
        self.assertIn("sound", varve("fsck", old))
        self.backup("restore", "--to", old, code=1)
        self.assertEqual(self.rows(old, "docs"), before)
        # The restored folder goes on where it was: another writer, on a line of its own.
        self.folder = old
        self.assertFalse(self.create()["skipped"])
        self.assertEqual(json_lines(self.backup("list", "--json"))[-1]["timeline"], 2)

    def test_verify(self):
        self.create()
        self.assertIn("1 of 1 snapshots sound", self.backup("verify"))
        self.assertIn("1 of 1", self.backup("verify", "--checksums=50"))
        self.assertIn("1 of 1", self.backup("verify", "--full", "--scratch", self.path("scratch")))
        self.assertFalse(os.path.exists(self.path("scratch")))
        blob = max(glob.glob(self.repo + "/blobs/*/*"), key=os.path.getsize)
        with open(blob, "r+b") as f:
            byte = f.read(1)
            f.seek(0)
            f.write(bytes([byte[0] ^ 1]))
        self.backup("verify")  # the size is right
        self.assertIn("findings", self.backup("verify", "--checksums", code=1))
        self.backup("verify", "--full", code=1)
        os.truncate(blob, 1)
        self.backup("verify", code=1)
        err = self.backup("restore", "--to", self.path("new"), code=1)
        self.assertIn(os.path.basename(blob), err)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_prune(self):
        self.create()
        for i in range(3):
            varve("delete", self.folder, "-c", "docs", i + 1)
            self.create("--kind", "full")
        told = json_lines(self.backup("prune", "--keep-last", 2, "--json"))
        self.assertEqual([s["kept"] for s in told[:-1]], [False, False, True, True])
        self.assertEqual([told[-1]["deleted"], told[-1]["snapshots_gone"]], [False, 2])
        self.assertEqual(len(json_lines(self.backup("list", "--json"))), 4)
        out = self.backup("prune", "--keep-last", 2, "--grace", 0, "--wait", 0, "--yes")
        self.assertIn("deleted 2 of 4", out)
        self.assertEqual(len(json_lines(self.backup("list", "--json"))), 2)
        self.assertIn("2 of 2", self.backup("verify", "--checksums"))
        self.backup("restore", "--to", self.path("new"))
        self.assertEqual(len(self.rows(self.path("new"), "docs")), ROWS - 3)

    def test_forget(self):
        """One that cannot be read keeps prune from deleting, until somebody says that it may go."""
        first = self.create()
        varve("delete", self.folder, "-c", "docs", 1)
        second = self.create("--kind", "full")
        (path,) = glob.glob(self.repo + "/db/*/tl/*/snap/*-%s.json" % first["snapshot"])
        os.truncate(path, 100)
        prune = ("prune", "--grace", 0, "--wait", 0, "--yes")
        self.assertIn("see forget", self.backup(*prune, code=1))
        err = self.backup("forget", "--snapshot", second["snapshot"], "--yes", code=1)
        self.assertIn("can be read", err)
        self.assertIn("--yes", self.backup("forget", "--snapshot", first["snapshot"]))
        self.backup("forget", "--snapshot", first["snapshot"], "--yes")
        self.backup(*prune)
        self.assertIn("1 of 1", self.backup("verify", "--checksums"))
        self.assertTrue(os.path.exists(self.repo + "/forgotten/%s.json" % first["snapshot"]))
        self.backup("forget", "--yes", code=2)

    def test_encrypted(self):
        os.environ[PASSPHRASE] = "open sesame"
        self.create()
        for path in glob.glob(self.repo + "/**", recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    self.assertNotIn(b"row 17", f.read())
        os.environ[PASSPHRASE] = "wrong"
        self.assertIn("passphrase", self.backup("list", code=1))
        self.backup("create", self.folder, code=1)
        del os.environ[PASSPHRASE]
        self.assertIn("encrypted", self.backup("list", code=1))
        os.environ[PASSPHRASE] = "open sesame"
        self.backup("restore", "--to", self.path("new"))
        self.assertEqual(self.rows(self.path("new"), "docs"), self.rows(self.folder, "docs"))

    def test_key_file(self):
        key, other = self.path("key"), self.path("other")
        for path in (key, other):
            with open(path, "wb") as f:
                f.write(os.urandom(32))
        self.create("--key-file", key)
        self.backup("verify", "--checksums", "--key-file", key)
        self.backup("verify", "--key-file", other, code=1)
        self.assertIn("cannot open", self.backup("verify", "--key-file", self.path("none"), code=1))

    def test_not_there(self):
        missing = "00000000-0000-4000-8000-000000000001"
        self.assertIn("repo", self.backup("list", code=1))
        self.backup("create", self.path("no-folder"), code=1)
        self.assertFalse(os.path.exists(self.path("no-folder")))
        self.create()
        self.backup("info", "--snapshot", missing, code=1)
        self.backup("list", self.path("no-folder"), code=1)
        self.backup("restore", "--to", self.path("new"), "--snapshot", missing, code=1)
        self.assertFalse(os.path.exists(self.path("new")))
        self.assertIn("yes", self.backup("check-repo"))

    def test_two_databases(self):
        self.create()
        other = self.path("other")
        self.fill(other, "docs", 1, 3)
        self.backup("create", other)
        self.assertIn("2 databases", self.backup("list", code=1))
        (mine,) = json_lines(self.backup("list", self.folder, "--json"))
        (theirs,) = json_lines(self.backup("list", other, "--json"))
        self.assertEqual([mine["rows"], theirs["rows"]], [ROWS, 3])
        (named,) = json_lines(self.backup("list", "--db", theirs["db_id"], "--json"))
        self.assertEqual(named, theirs)

    def test_behind(self):
        """A folder that was put back to an older state says so, and begins a new line."""
        shutil.copytree(self.folder, self.path("aside"))
        varve("delete", self.folder, "-c", "docs", 1)
        self.create()
        for name in os.listdir(self.folder):
            if name == "backup":
                continue
            path = os.path.join(self.folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            source = os.path.join(self.path("aside"), name)
            if os.path.isdir(source):
                shutil.copytree(source, path)
            elif os.path.exists(source):
                shutil.copy(source, path)
        self.backup("create", self.folder, code=1)
        self.create("--new-timeline")
        (last,) = json_lines(self.backup("info", "--json"))
        self.assertEqual([last["timeline"], last["rows"]], [2, ROWS])

    def test_usage(self):
        varve("backup", "create", self.folder, code=2)
        self.backup("create", code=2)
        self.backup("create", self.folder, "--kind", "weekly", code=2)
        self.backup("create", self.folder, "--threads", "0", code=2)
        self.backup("restore", code=2)
        self.backup("info", "--snapshot", "x", code=2)
        self.backup("list", "--db", "x", code=2)
        self.backup("verify", "--checksums=200", code=2)
        self.backup("prune", "--keep-last", "some", code=2)
        self.backup("prune", "--keep-last", "0", code=2)
        self.assertFalse(os.path.exists(self.repo))


class BesideServer(Base):
    def setUp(self):
        super().setUp()
        process, self.url = start_server(self.folder)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.fill(self.url, "docs")

    def test_snapshots(self):
        before = self.rows(self.url, "docs")
        err = varve("snapshot", "create", self.folder, "s", code=1)
        self.assertIn("use its server: varve snapshot create URL", err)
        varve("snapshot", "create", self.url, "s", "-c", "docs")
        varve("snapshot", "create", self.url, "d", "-d", "default")
        self.assertEqual(len(json_lines(varve("snapshot", "list", self.folder, "--json"))), 2)
        varve("delete", self.url, "-c", "docs", 1, 2)
        err = varve("snapshot", "restore", self.folder, "s", "--overwrite", code=1)
        self.assertIn("use its server", err)
        varve("snapshot", "restore", self.url, "s", "-c", "docs", code=1)
        varve("snapshot", "restore", self.url, "s", "--as", "was")
        self.assertEqual(self.rows(self.url, "was"), before)
        varve("snapshot", "restore", self.url, "d", "-d", "default", "--overwrite")
        self.assertEqual(self.collections(self.url), ["docs"])
        self.assertEqual(self.rows(self.url, "docs"), before)

    def test_exports(self):
        varve("export", self.url, "-c", "docs", "--to", "x")
        varve("import", "x", "--export", "--to", self.url, "-c", "back")
        self.assertEqual(self.rows(self.url, "back"), self.rows(self.url, "docs"))
        varve("export", self.folder, "-c", "docs", "--to", self.path("x"))
        varve("import", self.path("x"), "--to", self.path("new"), "-c", "docs")
        self.assertEqual(self.rows(self.path("new"), "docs"), self.rows(self.url, "docs"))

    def test_backup(self):
        varve("backup", "create", self.folder, "--repo", self.path("repo"))
        self.fill(self.url, "docs", 700, 5)
        varve("backup", "create", self.folder, "--repo", self.path("repo"))
        varve("backup", "restore", "--repo", self.path("repo"), "--to", self.path("new"))
        self.assertEqual(self.rows(self.path("new"), "docs"), self.rows(self.url, "docs"))
        self.assertEqual(len(self.rows(self.url, "docs")), ROWS + 5)
        self.assertNotIn("checkpoint", os.listdir(os.path.join(self.folder, "backup")))


if __name__ == "__main__":
    test_cli.VARVE = sys.argv.pop(1)
    os.environ.pop(PASSPHRASE, None)
    unittest.main()
