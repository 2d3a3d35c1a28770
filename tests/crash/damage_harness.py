"""Planted damage: every file of a data folder, one case at a time, is flipped, cut, filled,
lengthened, removed or swapped. Whatever is damaged must be noticed, by the open, by a read or by
fsck, or must not matter; wrong answers and crashes never.

  damage_harness.py [--cases n] [--seconds s] [--seed n] [--case n] [--verbose]

Two folders are made by VARVE_PROBE (damage_probe): one closed in order, one as a killed process
leaves it, with a live log. A case is a copy of one of them and a damage that follows from seed and
number alone, so --case shows one again. Exit code 1: something was wrong, or passed unnoticed where
that is not explained."""

import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from harness_disk import make_aside, sockets

PROBE = os.environ.get("VARVE_PROBE", "")
WORKERS = max(2, os.cpu_count() or 2)
PROBE_SECONDS = 90

# How often each class of file is chosen, and whether every damage to it must be noticed or
# explained.
CLASSES = {
    "segment": (26, True), "log": (18, True), "table": (20, True), "manifest": (10, True),
    "current": (4, True), "acked": (8, True), "format": (4, True), "guard": (4, False),
    "lock": (1, False), "options": (2, False), "identity": (1, False), "info log": (1, False),
}
KINDS = [("flip", 40), ("byte", 15), ("cut", 14), ("zeros", 8), ("garbage", 5), ("longer", 4),
         ("remove", 6), ("swap", 8)]


def class_of(path):
    name = path.name
    if name.endswith(".seg"):
        return "segment"
    if name.endswith(".sst"):
        return "table"
    if name.endswith(".log"):
        return "log"
    for start in ("MANIFEST", "OPTIONS"):
        if name.startswith(start):
            return start.lower()
    return {"LOG": "info log"}.get(name, name.lower())


# ---- planting


class Case:
    """A damage, worked out from the seed and the pristine folder; planted into a copy of it."""

    def __init__(self, seed, number, bases):
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.base = bases[number % len(bases)]
        files = collections.defaultdict(list)
        for path in sorted(p for p in self.base.rglob("*") if p.is_file()):
            if class_of(path) in CLASSES:
                files[class_of(path)].append(path.relative_to(self.base))
        if all((self.base / f).stat().st_size == 0 for f in files["log"]):
            files["log"] = files["log"] if self.random.random() < 0.1 else []
        classes = sorted(c for c in files if files[c])
        weights = [CLASSES[c][0] for c in classes]
        self.file_class = self.random.choices(classes, weights)[0]
        self.file = self.random.choice(files[self.file_class])
        others = [f for f in files[self.file_class] if f != self.file]
        self.other = self.random.choice(others or [None])
        self.kind = self.random.choices(*zip(*KINDS))[0]
        if self.kind == "swap" and self.other is None:
            self.kind = "flip"
        self.size = (self.base / self.file).stat().st_size
        if self.size == 0 and self.kind in ("flip", "byte", "cut", "zeros", "garbage"):
            self.kind = "longer"
        self.at = self.place()
        self.what = f"{self.kind} {self.file} of {self.size}"
        self.changed = {0}  # offsets of bytes that differ; a file removed or swapped counts as one

    def place(self):
        """Where to damage: anywhere, but the ends of a file, which hold headers and footers, more
        often than their share."""
        if self.size == 0:
            return 0
        choice = self.random.random()
        if choice < 0.25:
            return self.random.randrange(min(self.size, 128))
        if choice < 0.5:
            return self.size - 1 - self.random.randrange(min(self.size, 256))
        return self.random.randrange(self.size)

    def plant(self, folder):
        path = folder / self.file
        data = bytearray(path.read_bytes())
        if self.kind == "remove":
            path.unlink()
            return
        if self.kind == "swap":
            self.what += f" with {self.other}"
            other = folder / self.other
            aside = folder / "aside"
            path.rename(aside)
            other.rename(path)
            aside.rename(other)
            return
        before = bytes(data)
        getattr(self, "plant_" + self.kind)(data)
        self.changed = {i for i, (a, b) in enumerate(zip(before, data)) if a != b}
        self.changed |= set(range(min(len(before), len(data)), max(len(before), len(data))))
        path.unlink()  # it may be a link
        path.write_bytes(data)

    def plant_flip(self, data):
        bit = self.random.randrange(8)
        data[self.at] ^= 1 << bit
        self.what += f" at {self.at} bit {bit}"

    def plant_byte(self, data):
        data[self.at] = (data[self.at] + 1 + self.random.randrange(255)) % 256
        self.what += f" at {self.at}"

    def plant_cut(self, data):
        at = self.at
        if self.random.random() < 0.3:
            at = at // 4096 * 4096
        del data[at:]
        self.what += f" at {at}"

    def run_of(self, data):
        length = self.random.choice((1, 8, 64, 512, 4096))
        return self.at, min(len(data), self.at + length)

    def plant_zeros(self, data):
        first, end = self.run_of(data)
        data[first:end] = bytes(end - first)
        self.what += f" {first}..{end}"

    def plant_garbage(self, data):
        first, end = self.run_of(data)
        data[first:end] = self.random.randbytes(end - first)
        self.what += f" {first}..{end}"

    def plant_longer(self, data):
        length = self.random.choice((1, 7, 64, 4096, 40000))
        more = bytes(length) if self.random.random() < 0.5 else self.random.randbytes(length)
        data += more
        self.what += f" by {length} {'zeros' if not any(more) else 'bytes'}"


def copy_folder(base, target):
    """Segments, indexes and tables are never written to again, so a link will do. A socket that a
    process left behind is no data."""
    def copy(source, destination):
        if source.endswith((".seg", ".sst", ".idx")):
            os.link(source, destination)
        else:
            shutil.copyfile(source, destination)
    shutil.copytree(base, target, copy_function=copy, ignore=sockets)


# ---- judging


class Result:
    def __init__(self, case, code, looks):
        self.case, self.code, self.looks = case, code, looks
        self.verdict = self.judge()

    def judge(self):
        if self.code != 0:
            return "CRASH"
        words = {look: said.split(" ", 1)[0] for look, said in self.looks.items()}
        if "WRONG" in words.values():
            return "WRONG"
        if words.get("open") == "refused":
            return "detected by the open" if self.looks["open"].startswith(
                "refused folder open") else "detected by a read"
        if words.get("fsck") != "sound":
            return "detected by fsck"
        if words.get("open") != "intact":
            return "CRASH"  # the probe said nothing more
        if words.get("fsck-again") != "sound" or words.get("again") != "intact":
            return "WRONG"  # passed over at first, and found by the next
        return "harmless"

    def line(self):
        looks = "; ".join(f"{look}: {said}" for look, said in self.looks.items())
        return f"case {self.case.number} ({self.case.base.name}): {self.case.what}: {looks}"


def run_case(seed, number, bases, aside):
    case = Case(seed, number, bases)
    folder = aside / f"case-{number}"
    copy_folder(case.base, folder)
    case.plant(folder)
    try:
        probe = subprocess.run([PROBE, "check", str(folder)], capture_output=True, text=True,
                               errors="replace", timeout=PROBE_SECONDS)
        code = probe.returncode
        looks = dict(line.split(" ", 1) for line in probe.stdout.splitlines() if " " in line)
        if code:
            looks["ended"] = f"with {code} {probe.stderr[-300:]}"
    except subprocess.TimeoutExpired:
        code, looks = -signal.SIGALRM, {"ended": "not in time"}
    result = Result(case, code, looks)
    if result.verdict not in ("CRASH", "WRONG"):
        shutil.rmtree(folder, ignore_errors=True)
    return result


# ---- explaining what passed unnoticed

# A table's footer: kind of sum, two handles, padding | version, magic.
TABLE_FOOTER_BYTES, TABLE_HANDLES_END, TABLE_TRAILER_BYTES = 53, 41, 5
LOG_BLOCK_BYTES, LOG_HEADER_BYTES = 32768, 7


def read_varint(data, at):
    """(value, offset behind it)"""
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def table_padding(data):
    """The bytes of a table's footer between its two handles and its version."""
    footer = len(data) - TABLE_FOOTER_BYTES
    at = footer + 1
    for _ in range(4):
        _, at = read_varint(data, at)
    return set(range(at, footer + TABLE_HANDLES_END))


def table_version(data):
    """The bytes of the version of a table's form, before the eight of its magic number. Versions
    differ in how blocks are packed and filters hashed, which the table's properties say as well:
    a table of ours, not packed, reads the same under a neighbouring one."""
    return set(range(len(data) - 12, len(data) - 8))


def table_filter(data):
    """The bytes of a table's filter, its sum included: RocksDB checks the sum, and goes without a
    filter that does not match it. The index of meta blocks has entries of u shared key bytes, u own
    ones, u value bytes | key | value: handle."""
    begin, at = read_varint(data, len(data) - TABLE_FOOTER_BYTES + 1)
    size, _ = read_varint(data, at)
    entries = data[begin:begin + size]
    end = len(entries) - 4 - 4 * int.from_bytes(entries[-4:], "little")
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(entries, at)
        own, at = read_varint(entries, at)
        length, at = read_varint(entries, at)
        key = key[:shared] + entries[at:at + own]
        offset, after = read_varint(entries, at + own)
        if key.startswith(b"fullfilter."):
            return set(range(offset, offset + read_varint(entries, after)[0] + TABLE_TRAILER_BYTES))
        at += own + length
    return set()


def log_padding(data):
    """The ends of blocks that are too short for a record."""
    padding, at = set(), 0
    while at < len(data):
        room = LOG_BLOCK_BYTES - at % LOG_BLOCK_BYTES
        if room < LOG_HEADER_BYTES:
            padding.update(range(at, min(len(data), at + room)))
            at += room
        else:
            at += LOG_HEADER_BYTES + int.from_bytes(data[at + 4:at + 6], "little")
    return padding


missed = {}  # (folder, file): is the file missed when it is not there?


def is_missed(case):
    """RocksDB opens no folder without a table that its manifest names, so a file that nobody misses
    is one that a crash kept from being removed."""
    key = (case.base, case.file)
    if key not in missed:
        folder = case.base.parent / "without"
        copy_folder(case.base, folder)
        (folder / case.file).unlink()
        missed[key] = not is_intact(folder)
        shutil.rmtree(folder)
    return missed[key]


def guarded(base):
    """Up to where the guard says that the manifest is whole."""
    try:
        return int((base / "rocks" / "GUARD").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def explain(case):
    """Why a damage that nobody noticed, and that changed no answer, cannot be noticed or carries no
    information; None: nobody knows."""
    data, kind, file_class = (case.base / case.file).read_bytes(), case.kind, case.file_class
    if not case.changed:
        return "the bytes were such already"
    if file_class == "guard":
        return "guard: a second lock, and the manifest it locks is whole"
    if not CLASSES[file_class][1]:
        return f"{file_class}: nothing of ours is read from it"
    if file_class in ("log", "manifest") and kind == "longer":
        return f"{file_class}: more behind the last record is what an interrupted write leaves"
    if file_class == "manifest" and min(case.changed) >= guarded(case.base):
        return "manifest: a record behind the guard, whose rows are in the log as well"
    if file_class == "log" and not data:
        return "log: a log without a record is as good as none"
    if file_class == "table" and case.changed <= table_padding(data):
        return "table: padding of the footer"
    if file_class == "table" and kind != "cut" and case.changed <= table_version(data):
        return "table: another version of its form, by which it reads the same"
    if file_class == "table" and kind != "cut" and case.changed <= table_filter(data):
        return "table: filter, checked by its reader and left out, at the price of speed"
    if file_class in ("log", "manifest") and case.changed <= log_padding(data):
        return f"{file_class}: padding at the end of a block"
    if file_class in ("table", "log") and not is_missed(case):
        return f"{file_class}: an old one, no longer in use"
    return None


def build(kind, aside):
    folder = aside / kind
    done = subprocess.run([PROBE, "build", str(folder), kind], capture_output=True, text=True)
    if done.returncode != (0 if kind == "clean" else -signal.SIGKILL):
        raise RuntimeError(f"build {kind} ended with {done.returncode}: {done.stderr}")
    return folder


def is_intact(folder):
    done = subprocess.run([PROBE, "check", str(folder)], capture_output=True, text=True)
    words = [line.split(" ")[1] for line in done.stdout.splitlines()]
    return done.returncode == 0 and words == ["sound", "intact"] * 2


def check_pristine(bases, aside):
    """Undamaged, both must be sound and intact, else the test would find anything."""
    for base in bases:
        folder = aside / "pristine"
        copy_folder(base, folder)
        if not is_intact(folder):
            raise RuntimeError(f"{base.name} is damaged before any damage was done")
        shutil.rmtree(folder)


def report(args, seed, results, seconds, aside):
    table = collections.Counter((r.case.file_class, r.verdict) for r in results)
    verdicts = sorted({r.verdict for r in results})
    print(f"{'':10}" + "".join(f"{v:>24}" for v in verdicts))
    for file_class in CLASSES:
        row = [table[(file_class, v)] for v in verdicts]
        if any(row):
            print(f"{file_class:10}" + "".join(f"{n:24}" for n in row))
    reasons, unexplained = collections.Counter(), []
    for r in results:
        if r.verdict == "harmless":
            why = explain(r.case)
            reasons[why or "UNEXPLAINED"] += 1
            if not why:
                unexplained.append(r)
    for why, count in reasons.most_common():
        print(f"  {count:5} harmless: {why}")
    bad = [r for r in results if r.verdict in ("CRASH", "WRONG")]
    for r in bad[:50]:
        print(f"{r.verdict} {r.line()}")
    for r in unexplained[:50]:
        print(f"UNNOTICED {r.line()}")
    counts = collections.Counter(r.verdict for r in results)
    detected = sum(n for v, n in counts.items() if v.startswith("detected"))
    print(f"crash.damage: seed {seed}, {len(results)} cases: {detected} detected, "
          f"{counts['harmless']} harmless ({len(unexplained)} of them unexplained), "
          f"{counts['WRONG']} wrong, {counts['CRASH']} crashes; {seconds:.0f} s")
    if bad or unexplained:
        print(f"kept: {aside}")
    short = args.case is None and len(results) < args.cases
    return 1 if bad or unexplained or short else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--case", type=int, default=None)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    aside = make_aside(in_memory=True, prefix="varve-damage-")
    began, results, code = time.monotonic(), [], 1
    try:
        bases = [build(kind, aside) for kind in ("clean", "unclean")]
        check_pristine(bases, aside)
        numbers = range(args.cases) if args.case is None else [args.case]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            for result in pool.map(lambda n: run_case(seed, n, bases, aside), numbers):
                results.append(result)
                if args.verbose or args.case is not None:
                    print(f"{result.verdict}: {result.line()}", flush=True)
                if time.monotonic() - began > args.seconds:
                    pool.shutdown(wait=False, cancel_futures=True)
                    break
        code = report(args, seed, results, time.monotonic() - began, aside)
        return code
    finally:
        if code == 0 or not results:
            shutil.rmtree(aside, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
