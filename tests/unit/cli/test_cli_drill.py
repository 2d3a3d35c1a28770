#!/usr/bin/env python3
"""Drills, differences, parts of a backup, and the doctor, by the varve command.

Usage: test_cli_drill.py PATH_OF_VARVE [unittest arguments]
"""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

import test_cli
import test_cli_backup
from test_cli import json_lines, start_server, varve
from test_cli_backup import PASSPHRASE, ROWS


class Drill(test_cli_backup.Base):
    def setUp(self):
        super().setUp()
        self.repo = self.path("repo")
        self.fill(self.folder, "docs", 1, 3 * ROWS)

    def backup(self, verb, *more, code=0):
        return varve("backup", verb, *more, "--repo", self.repo, code=code)

    def create(self, *more):
        (answer,) = json_lines(self.backup("create", self.folder, "--json", *more))
        return answer

    def drill(self, *more, code=0):
        """What it says; its scratch folder is gone."""
        said = self.backup("drill", *more, "--to", self.path("drills"), code=code)
        self.assertFalse(os.path.exists(self.path("drills")))
        return said

    def report(self):
        with open(os.path.join(self.folder, "backup", "drill.json")) as f:
            return json.load(f)

    def blobs(self):
        return sorted(glob.glob(self.repo + "/blobs/*/*"), key=os.path.getsize)

    def manifests(self):
        return sorted(glob.glob(self.repo + "/db/*/tl/*/snap/*"))


class Drills(Drill):
    def test_sound(self):
        self.create()
        self.assertIn("the drill passed", self.drill())
        (report,) = json_lines(self.drill("--json"))
        self.assertTrue(report["sound"])
        self.assertEqual(report["findings"], [])
        self.assertEqual([report["rows"], report["digests"], report["golden"]], [3 * ROWS, 1, 5])
        self.assertEqual(len(report["sum"]), 64)
        self.drill("--report", self.path("report.json"))
        with open(self.path("report.json")) as f:
            self.assertEqual(json.load(f)["rows"], 3 * ROWS)

    def test_without_digests(self):
        self.create("--no-digests")
        (report,) = json_lines(self.drill("--json"))
        self.assertEqual([report["sound"], report["digests"], report["golden"]], [True, 0, 0])

    def test_of_one_snapshot(self):
        first = self.create()["snapshot"]
        varve("delete", self.folder, "-c", "docs", 5, 6)
        self.create()
        (report,) = json_lines(self.drill("--json", "--snapshot", first))
        self.assertEqual([report["snapshot"], report["rows"]], [first, 3 * ROWS])

    def fails(self, *names):
        said = self.drill(self.folder, code=1)
        for name in names:
            self.assertIn(name, said)
        self.assertFalse(self.report()["last"]["sound"])

    def test_missing_blob(self):
        self.create()
        blob = self.blobs()[-1]
        os.remove(blob)
        self.fails("CORRUPT", os.path.basename(blob))

    def test_flipped_byte(self):
        self.create()
        blob = self.blobs()[-1]
        with open(blob, "r+b") as f:
            f.seek(77)
            byte = f.read(1)
            f.seek(77)
            f.write(bytes([byte[0] ^ 8]))
        self.fails("CORRUPT", os.path.basename(blob))

    def test_swapped_blobs(self):
        self.create()
        one, other = self.blobs()[-2:]
        os.rename(one, one + ".x")
        os.rename(other, one)
        os.rename(one + ".x", other)
        self.fails("CORRUPT", "blobs/")

    def test_old_manifest_put_back(self):
        self.create()
        varve("delete", self.folder, "-c", "docs", 5)
        self.create()
        old, new = self.manifests()
        shutil.copyfile(old, new)
        self.fails("CORRUPT", os.path.basename(new))

    def test_truncated_manifest(self):
        self.create()
        (manifest,) = self.manifests()
        os.truncate(manifest, os.path.getsize(manifest) // 2)
        self.fails("CORRUPT", os.path.basename(manifest))

    def test_wrong_key(self):
        os.environ[PASSPHRASE] = "right"
        self.create()
        self.drill()
        os.environ[PASSPHRASE] = "wrong"
        self.fails("passphrase")
        del os.environ[PASSPHRASE]
        self.fails("encrypted")

    def test_no_repository(self):
        self.create()
        shutil.rmtree(self.repo)
        self.fails("NOT_FOUND")

    def test_counts(self):
        self.create()
        self.drill(self.folder)
        blob = self.blobs()[-1]
        os.rename(blob, blob + ".x")
        self.drill(self.folder, code=1)
        note = self.report()
        self.assertEqual([note["drills"], note["failures"]], [2, 1])
        self.assertLess(note["last_ok_ms"], note["last_ms"])

    def test_killed(self):
        """What a drill left that was killed is removed by the next one."""
        self.create()
        process = subprocess.Popen(
            [test_cli.VARVE, "backup", "drill", "--repo", self.repo, "--rate", "2000", "--to",
             self.path("drills")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        scratch = self.path("drills/varve-drill.scratch/data.restore-tmp")
        for _ in range(500):
            if os.path.exists(scratch):
                break
            time.sleep(0.01)
        process.kill()
        process.wait()
        self.assertTrue(os.path.exists(scratch))
        self.backup("drill", "--to", self.path("drills"))
        self.assertEqual(os.listdir(self.path("drills")), [])

    def test_usage(self):
        for more in (
            ["--time-limit", "soon"],
            ["--to-lsn", "x"],
            ["--to-time", "yesterday"],
            ["--to-time", "2026-02-30T00:00:00Z"],
            ["--to-lsn", "5", "--latest"],
            ["--snapshot", "x"],
            ["--snapshot", "00000000-0000-4000-8000-000000000001", "--to-lsn", "5"],
        ):
            self.backup("drill", *more, code=2)


class Difference(Drill):
    def test_diff(self):
        first = self.create()["snapshot"]
        self.backup("diff", code=1)
        varve("delete", self.folder, "-c", "docs", 5)
        self.fill(self.folder, "added", 1, 10)
        second = self.create()["snapshot"]
        varve("drop", self.folder, "-c", "added")
        self.create()
        said = self.backup("diff", "--snapshot", second)
        self.assertIn("changed  default/docs: 180 -> 179 rows", said)
        self.assertIn("added    default/added: 0 -> 10 rows", said)
        (told,) = json_lines(self.backup("diff", "--json"))
        self.assertEqual([c["name"] for c in told["collections"]], ["added"])
        self.assertEqual(told["collections"][0]["change"], "dropped")
        (told,) = json_lines(self.backup("diff", "--json", "--from", first))
        self.assertEqual([c["change"] for c in told["collections"]], ["changed"])
        self.backup("diff", "--from", "x", code=2)


class Parts(Drill):
    def part(self, *more, code=0):
        said = self.backup("restore-collection", *more, code=code)
        for folder in (self.folder, self.path("other")):
            if os.path.isdir(folder + "/backup"):
                self.assertFalse(glob.glob(folder + "/backup/varve-restore*"))
        return said

    def test_collection(self):
        self.fill(self.folder, "more", 1, 5)
        before = self.rows(self.folder, "docs")
        self.create()
        varve("delete", self.folder, "-c", "docs", 1, 2, 3)
        self.fill(self.folder, "more", 50, 5)
        changed, more = self.rows(self.folder, "docs"), self.rows(self.folder, "more")
        self.part(self.folder, "-c", "docs", "--as", "was")
        self.assertEqual(self.rows(self.folder, "was"), before)
        self.assertEqual(self.rows(self.folder, "docs"), changed)
        self.assertIn("exists", self.part(self.folder, "-c", "docs", code=1))
        self.part(self.folder, "-c", "docs", "--overwrite")
        self.assertEqual(self.rows(self.folder, "docs"), before)
        self.assertEqual(self.rows(self.folder, "more"), more)
        self.assertIn("sound", varve("fsck", self.folder))

    def test_into_another_folder(self):
        self.create()
        other = self.path("other")
        self.fill(other, "mine", 1, 5)
        self.part(other, "-c", "docs", "--to-database", "back", "--as", "docs2")
        self.assertEqual(self.rows(other, "docs2", "-d", "back"), self.rows(self.folder, "docs"))

    def test_rows(self):
        before = self.rows(self.folder, "docs")
        self.create()
        varve("delete", self.folder, "-c", "docs", 1, 2, 3)
        with open(self.path("ids"), "w") as f:
            f.write("1\n2\n\n3\n")
        (told,) = json_lines(
            self.part(self.folder, "-c", "docs", "--ids", self.path("ids"), "--json")
        )
        self.assertEqual(told["rows"], 3)
        self.assertEqual(sorted(self.rows(self.folder, "docs")), sorted(before))
        with open(self.path("ids"), "w") as f:
            f.write('1\n"1"\n')
        said = self.part(self.folder, "-c", "docs", "--ids", self.path("ids"), code=1)
        self.assertIn("does not exist", said)
        said = self.part(
            self.folder, "-c", "docs", "--ids", self.path("ids"), "--skip-missing"
        )
        self.assertIn("1 ids are not in the backup", said)

    def test_damage_changes_nothing(self):
        self.create()
        blob = self.blobs()[-1]
        os.truncate(blob, 1)
        said = self.part(self.folder, "-c", "docs", "--as", "was", code=1)
        self.assertIn(os.path.basename(blob), said)
        self.assertEqual(self.collections(self.folder), ["docs"])

    def test_usage(self):
        self.create()
        for line in (
            (self.folder,),
            ("-c", "docs"),
            ("http://127.0.0.1:1", "-c", "docs"),  # with --repo
            (self.folder, "-c", "docs", "--skip-missing"),
            (self.folder, "-c", "docs", "--ids", "x", "--overwrite"),
        ):
            self.part(*line, code=2)


class Doctor(Drill):
    def doctor(self, *more, code=0):
        done = subprocess.run(
            [test_cli.VARVE, "doctor", *map(str, more), "--json"], capture_output=True, timeout=60
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        (told,) = json_lines(done.stdout.decode())
        self.assertEqual(told["well"], code == 0)
        return {check["what"]: (check["state"], check["text"]) for check in told["checks"]}

    def test_well(self):
        told = self.doctor(self.folder)
        self.assertEqual(
            {what for what, (state, _) in told.items() if state != "ok"} - {"port"},
            {"backups", "drill"},  # none yet
        )
        self.assertIn("180 rows", told["data"][1])
        self.assertIn("none", told["owner"][1])
        self.create()
        self.drill(self.folder)
        told = self.doctor(self.folder, "--repo", self.repo)
        self.assertEqual(told["drill"][0], "ok")
        self.assertEqual(told["last backup"][0], "ok")
        self.assertIn("0 sequence numbers behind", told["last backup"][1])
        self.assertIn("ok     folder", varve("doctor", self.folder))

    def test_not_there(self):
        self.assertEqual(self.doctor(self.path("none"), code=1)["folder"][0], "WRONG")
        os.mkdir(self.path("empty"))
        self.assertIn("not a data folder", self.doctor(self.path("empty"), code=1)["folder"][1])

    def test_damage(self):
        os.remove(os.path.join(self.folder, "ACKED"))
        told = self.doctor(self.folder, code=1)
        self.assertEqual(told["data"][0], "WRONG")
        self.assertIn("ACKED", told["data"][1])

    def test_newer_format(self):
        with open(os.path.join(self.folder, "FORMAT"), "w") as f:
            f.write("varve 99\n0000000000000000\n")
        told = self.doctor(self.folder, code=1)
        self.assertIn("99", told["format"][1])
        self.assertEqual(told["data"][0], "WRONG")

    def test_backups(self):
        self.create()
        self.drill(self.folder)
        blob = self.blobs()[-1]
        os.rename(blob, blob + ".x")
        self.drill(self.folder, code=1)
        self.assertIn("FAILED", self.doctor(self.folder, code=1)["drill"][1])
        shutil.rmtree(self.repo)
        told = self.doctor(self.folder, "--repo", self.repo, code=1)
        self.assertEqual(told["repository"][0], "WRONG")

    def test_server(self):
        process, url = start_server(self.folder)
        try:
            port = url.rsplit(":", 1)[1].strip("/")
            told = self.doctor(self.folder, "--port", port)
            self.assertIn("pid %d" % process.pid, told["owner"][1])
            self.assertIn("answers", told["port"][1])
            told = self.doctor(url)
            self.assertEqual({w for w, (state, _) in told.items() if state != "ok"}, {"backups"})
        finally:
            process.terminate()
            process.wait()
        self.assertEqual(self.doctor(url, code=1)["port"][0], "WRONG")

    def test_port_of_another(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            told = self.doctor(self.folder, "--port", other.getsockname()[1])
            self.assertEqual(told["port"][0], "look")

    def test_usage(self):
        varve("doctor", code=2)
        varve("doctor", self.folder, "--port", "0", code=2)


if __name__ == "__main__":
    test_cli.VARVE = sys.argv.pop(1)
    os.environ.pop(PASSPHRASE, None)
    unittest.main()
