"""Owner and compactor die, one or the other or both, at every step of the hand-off and at random
moments under mixed load; afterwards each live id must resolve to one row with its version, vector
and fields, searches must agree with the model, fsck must find the folder sound, and no file may be
there that no manifest names.

  handoff_harness.py points [--row n] [--seed n] [--verbose]     every row of the failure table
  handoff_harness.py kills  [--kills n] [--seconds s] [--seed n] kill -9 of either, at random

The programs: VARVE_HANDOFF_OWNER (tests/crash/handoff_owner.c) and VARVE_COMPACTOR. A folder that
was found wrong is kept."""

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path

from handoff_life import Life, Wrong, check, fault_script
from handoff_table import TABLE
from harness_disk import make_aside

LIVES_OF_A_FOLDER = 12


class Folder:
    """A data folder, what it should hold, and lives in it."""

    def __init__(self, path):
        self.path, self.data, self.state = path, path / "data", path / "state"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        Life.new_state(self.state)

    def remove(self):
        shutil.rmtree(self.path)


# ---- every row of the table


def has_struck(case, life):
    if case.side == "owner":
        return life.hit
    return life.compactor_starts() > 1 if case.kind == "crash" else life.jobs_failed > 0


def run_case(case, nth, seed, folder):
    """(was the fault reached?, steps answered)"""
    fault = f"{case.point}:{nth}:{case.kind}"
    if case.side == "owner":
        life = Life(folder, seed, owner_fault=fault)
    else:
        life = Life(folder, seed, compactor=fault_script(folder.path, fault))
    life.start(steps=case.steps)
    code = life.wait(60, lambda: has_struck(case, life))
    crashed = code == 77 and case.side == "owner"
    if code != 0 and not crashed:
        raise Wrong(f"the owner ended with {code}: {life.stderr()}")
    life.await_compactors_gone()
    reached = crashed or has_struck(case, life)
    check(folder, seed, life.answered)
    return reached, life.answered


def run_row(row, seed, aside, verbose):
    """Cases of a row that reached their point; raises for what must not happen."""
    reached = 0
    for case in row.cases:
        hits = 0
        for nth in case.times:
            folder = Folder(aside / f"{case.point}-{nth}-{case.kind}")
            try:
                hit, answered = run_case(case, nth, seed + nth, folder)
            except Wrong as why:
                raise Wrong(f"{row.name}: {case.side} {case.point}:{nth}:{case.kind} "
                            f"(seed {seed + nth}): {why}; kept: {folder.path}") from why
            folder.remove()
            hits += hit
            if verbose:
                print(f"  {case.side} {case.point}:{nth}:{case.kind}: "
                      f"{'reached' if hit else 'not reached'}, {answered} steps", flush=True)
        if hits == 0:
            raise Wrong(f"{row.name}: {case.side} {case.point} was never reached")
        reached += hits
    return reached


def run_points(args, seed, aside):
    points, total = set(), 0
    for number, row in enumerate(TABLE, 1):
        if args.row and number != args.row:
            continue
        began = time.monotonic()
        reached = run_row(row, seed, aside, args.verbose)
        total += reached
        points |= {(case.side, case.point) for case in row.cases}
        print(f"row {number}: {row.name}: {reached} times at {len(row.cases)} points, all "
              f"recovered; {time.monotonic() - began:.0f} s", flush=True)
    print(f"crash.handoff.points: seed {seed}, {len(points)} points, {total} crashes or failures, "
          "0 inconsistencies")


# ---- at random


class Kills:
    def __init__(self, seed, aside):
        self.random, self.aside = random.Random(seed), aside
        self.kills = {"owner": 0, "compactor": 0, "both": 0}
        self.lives = self.steps = self.folders = self.orderly = 0
        self.folder = None

    def total(self):
        return self.kills["owner"] + self.kills["compactor"] + 2 * self.kills["both"]

    def count(self, victim):
        self.kills[victim] += 1

    def kill_compactors(self, life):
        """Some of them, one after the other; then the owner must end in order, or is killed too."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            time.sleep(self.random.random() ** 2 * 0.5)
            if life.kill_compactor():
                self.count("compactor")

    def end(self, life):
        victim = self.random.choice(("owner", "owner", "compactor", "compactor", "both"))
        time.sleep(self.random.random() ** 2 * 0.8)
        if victim == "compactor":
            self.kill_compactors(life)
        if victim == "both" and life.kill_compactor():
            self.count("both")
            life.kill()
        elif victim == "owner" or self.random.random() < 0.5:
            self.count("owner")
            life.kill()
        else:
            self.orderly += 1
            life.tell_to_end()
            code = life.wait(seconds=60)
            if code != 0:
                raise Wrong(f"the owner ended with {code}: {life.stderr()}")

    def life(self):
        if self.lives % LIVES_OF_A_FOLDER == 0:
            if self.folder:
                self.folder.remove()
            self.folders += 1
            self.folder = Folder(self.aside / f"folder-{self.folders}")
        seed = self.random.randrange(1 << 40)
        life = Life(self.folder, seed)
        try:
            life.start(steps=1 << 30)
            life.wait_open()
            self.end(life)
            life.wait(seconds=60)
            life.await_compactors_gone()
        finally:
            life.kill()
        check(self.folder, seed, life.answered)
        self.lives += 1
        self.steps += life.answered

    def summary(self, seed):
        k = self.kills
        return (f"crash.handoff.kills: seed {seed}, {self.total()} kills ({k['owner']} of owners, "
                f"{k['compactor']} of compactors, {k['both']} of both), {self.lives} lives in "
                f"{self.folders} folders, {self.orderly} ended in order, {self.steps} steps "
                "answered")


def run_kills(args, seed, aside):
    kills, until = Kills(seed, aside), time.monotonic() + args.seconds
    try:
        while kills.total() < args.kills and time.monotonic() < until:
            kills.life()
    except Wrong as why:
        print(kills.summary(seed))
        raise Wrong(f"life {kills.lives}: {why}; kept: {kills.folder.path}") from why
    print(kills.summary(seed) + ", 0 inconsistencies", flush=True)
    if kills.total() < args.kills:
        raise Wrong(f"only {kills.total()} of {args.kills} kills in {args.seconds:.0f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("points", "kills"))
    parser.add_argument("--row", type=int, default=0)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=110)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    aside, kept = make_aside(in_memory=True, prefix="varve-handoff-"), False
    try:
        (run_points if args.kind == "points" else run_kills)(args, seed, Path(aside))
        return 0
    except Wrong as why:
        print(f"FAILED (seed {seed}): {why}")
        kept = True
        return 1
    finally:
        if not kept:
            shutil.rmtree(aside, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
