"""Words that must not reach a reader: notes to self, paths of one machine, hosts of one network."""

import re
from pathlib import Path

import sources

SUFFIXES = sources.C_SUFFIXES | {
    ".py",
    ".md",
    ".txt",
    ".cmake",
    ".json",
    ".sh",
    ".ini",
    ".yml",
    ".yaml",
    "",
}
RULES = [
    # spelled so that these two files do not offend against what they look for
    ("a note to self: do it, or leave it out", re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b")),
    ("a path of one machine", re.compile(r"(?<![\w.}\])~*/-])/(work|home|root|Users)/\w")),
    (
        "a host of one network",
        re.compile(
            r"\b(localhost\.localdomain|[\w-]+\.(internal|corp|lan|intra))\b"
            r"|/(artifactory|nexus/repository)/|://[^/\s\"']*(mirror|proxy|artifact)"
            r"|--index-url|--find-links|GOPROXY="
        ),
    ),
]
DATA = "bench/data/"  # descriptions of other people's programs
OWN = {"check_words.py", "test_checks.py"}  # they name what they look for


def check(root):
    offences, files = [], 0
    for path in sources.walk(root):
        file = path.relative_to(root).as_posix()
        own = path.name in OWN and path.parent == Path(__file__).resolve().parent
        if path.suffix not in SUFFIXES or own or file.startswith(DATA) and path.suffix != ".py":
            continue
        text = sources.text_of(path)
        if text is None:
            continue
        files += 1
        for number, line in enumerate(text.splitlines(), 1):
            for why, pattern in RULES:
                match = pattern.search(line)
                if match:
                    offences.append(f"{file}:{number}: '{match.group()}': {why}")
    return offences, f"words: {files} files"


if __name__ == "__main__":
    sources.run(check, __doc__)
