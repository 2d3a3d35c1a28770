"""What the checks share: which files there are, and C text without comments and literals."""

import argparse
import re
import sys
from pathlib import Path

SKIPPED_FOLDERS = {"__pycache__", "node_modules"}
KEPT_DOT_FOLDERS = {".ci"}
C_SUFFIXES = {".c", ".h", ".cc", ".def"}

# A comment, a string or a character constant, whichever begins first.
LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def skipped(folder):
    name = folder.name
    if name in SKIPPED_FOLDERS or (name.startswith(".") and name not in KEPT_DOT_FOLDERS):
        return True
    return (folder / "CMakeCache.txt").exists() or name.startswith("build")


def walk(folder):
    """Every file of a source tree, build folders left out, in a fixed order."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            if not skipped(path):
                yield from walk(path)
        elif path.is_file():
            yield path


def c_files(root):
    return [path for path in walk(root) if path.suffix in C_SUFFIXES]


def text_of(path):
    """The text of a file, or None when it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def without_literals(text):
    """C text with comments blanked and literals emptied; every line keeps its number."""

    def blank(match):
        found = match.group()
        if found[0] in "\"'":
            return found[0] * 2
        return " " + "\n" * found.count("\n")

    return LITERAL.sub(blank, text)


def run(check, description):
    """A check is check(root) -> (offences, a line about what was looked at)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[2])
    offences, summary = check(parser.parse_args().root.resolve())
    for offence in offences:
        print(offence)
    print(f"{summary}: {len(offences)} offences" if offences else f"{summary}: sound")
    sys.exit(1 if offences else 0)
