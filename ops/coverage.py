"""Lines covered, by folder, from the gcov counters of a coverage build."""
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("engine", "gateway", "cli", "snapshot", "compactor")


def counts_of(note):
    """[(file, line, hits)] of one object file."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", str(note)], check=False,
                          capture_output=True, cwd=note.parent)
    for line in done.stdout.splitlines():
        for file in json.loads(line)["files"]:
            for entry in file["lines"]:
                yield file["file"], entry["line_number"], entry["count"]


def collect(build):
    lines = defaultdict(int)
    for note in sorted(build.rglob("*.gcno")):
        if "/tests/" not in note.as_posix():
            for file, line, hits in counts_of(note):
                lines[file, line] += hits
    return lines


def folder_of(file):
    path = Path(file)
    path = path if path.is_absolute() else ROOT / path
    if not path.is_relative_to(ROOT):
        return None
    parts = path.relative_to(ROOT).parts
    if parts[0] not in FOLDERS:
        return None
    return "/".join(parts[:2] if parts[0] == "engine" else parts[:1])


def main():
    totals = defaultdict(lambda: [0, 0])
    for (file, _), hits in collect(Path(sys.argv[1]).resolve()).items():
        folder = folder_of(file)
        for name in (folder, "all") if folder else ():
            totals[name][0] += hits > 0
            totals[name][1] += 1
    for name, (covered, lines) in sorted(totals.items(), key=lambda item: item[0] == "all"):
        print(f"{name:24} {covered:6} of {lines:6} lines  {100 * covered / lines:5.1f} %")


if __name__ == "__main__":
    main()
