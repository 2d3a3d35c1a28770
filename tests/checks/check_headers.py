"""Every C file begins with what it is; every header has its guard and compiles on its own."""

import os
import re
import shlex
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sources

COMPILER = shlex.split(os.environ.get("VARVE_CHECK_CC", "cc"))
FLAGS = shlex.split(os.environ.get("VARVE_CHECK_CFLAGS", ""))
# A body is compiled many times over, by the files that define its macros first.
BODY = re.compile(r"_body\.h$")
GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n|^#pragma once\n", re.MULTILINE)


def head_offence(path, file, text):
    if text.startswith(f"/* {path.name} — ") or text.startswith(f"// {path.name} — "):
        return []
    return [f"{file}:1: does not begin with '/* {path.name} — what it is'"]


def guard_offence(file, text):
    return [] if GUARD.search(text) else [f"{file}:1: has no include guard"]


def compile_offence(root, path, language, folder):
    """Compile a file that includes the header twice and nothing else."""
    file = path.relative_to(root).as_posix()
    probe = Path(folder) / (file.replace("/", "_") + "." + language)
    probe.write_text(f'#include "{path}"\n#include "{path}"\n', encoding="utf-8")
    kind = {"c": ["-x", "c", "-std=gnu11"], "cc": ["-x", "c++"]}[language]
    done = subprocess.run(
        [
            *COMPILER,
            *kind,
            "-fsyntax-only",
            "-D_GNU_SOURCE",
            f"-I{root}/engine",
            *FLAGS,
            str(probe),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return []
    lines = [line for line in done.stderr.splitlines() if "error" in line] or ["(no message)"]
    return [f"{file}:1: does not compile on its own as {language}: {lines[0]}"]


def compile_all(root, headers):
    jobs = [(path, "c") for path in headers] + [(root / "engine" / "varve.h", "cc")]
    jobs = [(path, language) for path, language in jobs if path.is_file()]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda job: compile_offence(root, *job, folder), jobs)
        return [offence for found in results for offence in found]


def check(root):
    offences, headers, files = [], [], sources.c_files(root)
    for path in files:
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        offences += head_offence(path, file, text)
        if path.suffix == ".h" and not BODY.search(path.name):
            offences += guard_offence(file, text)
            if path.relative_to(root).parts[0] != "bench":
                headers.append(path)
    return offences + compile_all(root, headers), f"headers: {len(files)} files"


if __name__ == "__main__":
    sources.run(check, __doc__)
