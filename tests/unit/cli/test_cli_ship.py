#!/usr/bin/env python3
"""The log in a repository by the varve command: shipped, looked at, and restored to moments of it.

Usage: test_cli_ship.py PATH_OF_VARVE [unittest arguments]
"""

import glob
import os
import signal
import subprocess
import sys
import time
import unittest
from datetime import datetime, timedelta, timezone

import test_cli
import test_cli_backup
from test_cli import json_lines, start_server, varve
from test_cli_backup import PASSPHRASE, ROWS, Base

MISSING = "00000000-0000-4000-8000-000000000001"


def now():
    """In the middle of nothing: what was committed is earlier, what comes is later."""
    time.sleep(0.05)
    moment = datetime.now(timezone.utc)
    time.sleep(0.05)
    return moment


class Shipping(Base):
    def setUp(self):
        super().setUp()
        self.repo = self.path("repo")
        self.fill(self.folder, "docs")
        self.restored = 0

    def backup(self, verb, *more, code=0):
        return varve("backup", verb, *more, "--repo", self.repo, code=code)

    def ship(self):
        return json_lines(self.backup("ship", self.folder, "--once", "--json"))

    def serve(self, work):
        """Work on the folder through a server that keeps its log."""
        process, url = start_server(self.folder, "--log-keep-ms", "86400000")
        try:
            work(url)
        finally:
            process.terminate()
            process.wait()

    def restore(self, *target):
        self.restored += 1
        folder = self.path("new%d" % self.restored)
        self.backup("restore", "--to", folder, *target)
        self.assertIn("sound", varve("fsck", folder))
        return folder

    def refuse(self, *target, code=1):
        folder = self.path("refused")
        err = self.backup("restore", "--to", folder, *target, code=code)
        self.assertFalse(os.path.exists(folder))
        return err

    def wal(self):
        return sorted(glob.glob(self.repo + "/db/*/tl/*/wal/*.wlb"))


class Moments(Shipping):
    def setUp(self):
        super().setUp()
        self.assertIn("snapshot", self.backup("ship", self.folder, "--once", code=1))
        self.backup("create", self.folder)
        self.assertEqual(self.ship(), [])
        self.before = self.rows(self.folder, "docs")
        self.serve(self.work)
        self.after = self.rows(self.folder, "docs")
        self.shipped = self.ship()

    def work(self, url):
        self.fill(url, "other", 1, 5)
        self.times = [now()]
        varve("delete", url, "-c", "docs", 1, 2, 3)
        self.deleted = [row for row in self.before if row[0] > 3]
        self.times.append(now())
        varve("drop", url, "-c", "other")
        self.fill(url, "docs", 900, 7)
        self.times.append(now())
        self.fill(url, "docs", 950, 1)

    def test_targets(self):
        self.assertEqual(self.shipped[-1]["lag"], 0)
        self.assertEqual(self.ship(), [])
        out = self.backup("restore", "--to", self.path("plain"))
        self.assertIn("--latest", out)
        self.assertEqual(self.rows(self.path("plain"), "docs"), self.before)
        latest = self.restore("--latest")
        self.assertEqual(self.rows(latest, "docs"), self.after)
        self.assertEqual(self.collections(latest), ["docs"])
        first, second = (t.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for t in self.times[:2])
        self.assertEqual(self.rows(self.restore("--to-time", first), "docs"), self.before)
        self.assertEqual(self.rows(self.restore("--to-time", second), "docs"), self.deleted)
        local = self.times[1].astimezone(timezone(timedelta(hours=5, minutes=30)))
        self.assertEqual(
            self.rows(self.restore("--to-time", local.isoformat()), "docs"), self.deleted
        )
        ms = int(self.times[2].timestamp() * 1000)
        self.assertEqual(len(self.rows(self.restore("--to-time", ms), "docs")), ROWS - 3 + 7)
        dropped = self.restore("--before-drop", "default.other")
        self.assertEqual(self.collections(dropped), ["docs", "other"])
        self.assertEqual(self.rows(dropped, "docs"), self.deleted)
        self.assertEqual(len(self.rows(dropped, "other")), 5)

    def test_sequence_numbers(self):
        first, last = self.shipped[0]["first"], self.shipped[-1]["last"]
        self.assertEqual(self.rows(self.restore("--to-lsn", last), "docs"), self.after)
        self.assertEqual(self.rows(self.restore("--to-lsn", first - 1), "docs"), self.before)
        (info,) = json_lines(
            self.backup("restore", "--to", self.path("json"), "--to-lsn", last, "--json")
        )
        self.assertEqual([info["sequence"], info["objects"]], [last, len(self.shipped)])
        self.assertIn("latest", self.refuse("--to-lsn", last + 1))
        self.assertIn("before the first snapshot", self.refuse("--to-lsn", 0))
        self.assertIn("before the first snapshot", self.refuse("--to-time", "2020-02-29"))
        self.assertIn("latest", self.refuse("--to-time", "2999-01-01T00:00"))
        self.assertIn("default.docs", self.refuse("--before-drop", "default/docs"))

    def test_goes_on_as_another_writer(self):
        self.folder = self.restore("--latest")
        varve("delete", self.folder, "-c", "docs", 10)
        self.backup("create", self.folder)
        self.serve(lambda url: varve("delete", url, "-c", "docs", 11))
        self.assertGreater(len(self.ship()), 0)
        lines = json_lines(self.backup("log", "--json"))
        self.assertEqual([line["timeline"] for line in lines[:-1]], [1, 2])
        self.assertEqual([line["present"] for line in lines[:-1]], [False, True])
        self.assertEqual(
            self.rows(self.restore("--latest"), "docs"), self.rows(self.folder, "docs")
        )

    def test_what_was_undone_is_not_in_the_new_line(self):
        """Restored to a moment, and gone on: what the first folder shipped behind that moment is
        the past of nobody but itself."""
        first, last = self.shipped[0]["first"], self.shipped[-1]["last"]
        self.folder = self.restore("--before-drop", "default.other")
        for i in range(10, 16):  # as many numbers as the first folder used, and more
            varve("delete", self.folder, "-c", "docs", i)
            varve("create", self.folder, "-c", "c%d" % i, "--dim", 4)
            varve("drop", self.folder, "-c", "c%d" % i)
        self.backup("create", self.folder)
        lines = json_lines(self.backup("log", "--json"))[:-1]
        self.assertEqual([line["timeline"] for line in lines], [1, 2])
        origin = lines[1]["parent_sequence"]
        self.assertTrue(first <= origin < last)
        self.assertGreater(lines[1]["newest"]["sequence"], last)
        self.assertEqual(lines[1]["ranges"], [{"first": first, "last": origin}])
        self.assertIn("latest", self.refuse("--to-lsn", last))
        self.assertEqual(self.collections(self.restore("--latest")), ["docs", "other"])

    def test_log(self):
        line, whole = json_lines(self.backup("log", "--full", "--json"))
        first, last = self.shipped[0]["first"], self.shipped[-1]["last"]
        self.assertEqual(line["ranges"], [{"first": first, "last": last}])
        self.assertEqual([line["gaps"], line["newest"]["sequence"]], [[], last])
        self.assertEqual([whole["findings"], whole["objects_read"]], [0, len(self.shipped)])
        self.assertIn("oldest", self.backup("log", self.folder))
        path = self.wal()[0]
        with open(path, "r+b") as f:
            f.seek(-50, os.SEEK_END)
            byte = f.read(1)
            f.seek(-50, os.SEEK_END)
            f.write(bytes([byte[0] ^ 1]))
        self.backup("log")
        self.assertIn("1 findings", self.backup("log", "--full", code=1))
        self.assertIn(os.path.basename(path), self.refuse("--latest"))

    def test_gap(self):
        self.serve(lambda url: varve("delete", url, "-c", "docs", 20))
        more = self.ship()
        os.remove(self.wal()[0])
        self.assertIn("findings", self.backup("log", code=1))
        self.assertIn("gap", self.refuse("--latest"))
        self.backup("create", self.folder)
        line, _ = json_lines(self.backup("log", "--json"))
        self.assertEqual([gap["bridged"] for gap in line["gaps"]], [True])
        self.assertIn("gap", self.refuse("--to-lsn", more[0]["first"]))
        self.restore("--latest")


class Ways(Shipping):
    def test_until_told_to_end(self):
        self.backup("create", self.folder)
        self.serve(lambda url: varve("delete", url, "-c", "docs", 1))
        process = subprocess.Popen(
            [test_cli.VARVE, "backup", "ship", self.folder, "--repo", self.repo, "--json"],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.kill)
        self.assertIn(b'"lag"', process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        process.stdout.close()
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(len(self.rows(self.restore("--latest"), "docs")), ROWS - 1)

    def test_log_that_was_not_kept(self):
        self.backup("create", self.folder)
        varve("delete", self.folder, "-c", "docs", 1)
        self.fill(self.folder, "docs", 900, 3)
        err = self.backup("ship", self.folder, "--once", code=1)
        self.assertIn("Take a new snapshot", err)
        self.backup("create", self.folder)
        self.ship()
        self.assertEqual(len(self.rows(self.restore("--latest"), "docs")), ROWS + 2)

    def test_encrypted(self):
        os.environ[PASSPHRASE] = "open sesame"
        self.backup("create", self.folder)
        self.serve(lambda url: self.fill(url, "docs", 900, 5))
        self.assertGreater(len(self.ship()), 0)
        for path in self.wal():
            with open(path, "rb") as f:
                self.assertNotIn(b"row 90", f.read())
        self.assertIn("objects read", self.backup("log", "--full"))
        self.backup("prune", "--keep-last", 1, "--grace", 0, "--wait", 0, "--yes")
        self.assertEqual(len(self.rows(self.restore("--latest"), "docs")), ROWS + 5)

    def test_usage(self):
        self.backup("ship", code=2)
        varve("backup", "ship", self.folder, code=2)
        self.backup("ship", self.folder, "--interval", "0", code=2)
        for target in (
            ("--to-lsn", "x"),
            ("--to-time", "yesterday"),
            ("--to-time", "2026-13-01"),
            ("--to-time", "2026-02-29"),
            ("--to-time", "2026-02-28T25:00"),
            ("--to-time", "2026-02-28T10:00:00+99:00"),
            ("--before-drop", "docs"),
            ("--latest", "--to-lsn", 5),
            ("--latest", "--snapshot", MISSING),
        ):
            self.refuse(*target, code=2)
        self.backup("log", code=1)
        self.assertFalse(os.path.exists(self.repo))


if __name__ == "__main__":
    test_cli.VARVE = test_cli_backup.test_cli.VARVE = sys.argv.pop(1)
    os.environ.pop(PASSPHRASE, None)
    unittest.main()
