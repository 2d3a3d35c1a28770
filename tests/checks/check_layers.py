"""Includes point down: which folder may include what, and which file may touch which library.

The order of the engine's layers is that of ENGINE. A folder that is not in the tables is an
offence, so that a new one has to be placed."""

import re
from pathlib import PurePosixPath

import sources

# Low to high: a layer may include those before it. `index` and `field` stand side by side.
ENGINE = [
    "base",
    "distance",
    "quant",
    "record",
    "store",
    "index",
    "field",
    "segment",
    "filter",
    "query",
    "db",
]
SIDE_BY_SIDE = [{"index", "field"}]
ONLY_USED_BY = {"store": {"db"}}

# What programs and libraries above the engine may include besides their own folder.
ABOVE = {
    "gateway": ["varve.h", "varve_snapshot.h", "base/", "snapshot.h", "ship.h"],
    "snapshot": ["varve.h", "varve_snapshot.h", "base/"],
    "cli": ["varve.h", "base/", "gateway.h", "snapshot.h"],
    "compactor": [
        "varve.h",
        "base/",
        "distance/",
        "quant/",
        "record/",
        "index/",
        "field/",
        "segment/",
    ],
}
FREE = {"bench", "tests", "docs", "examples", "python", "ops"}

# Headers of libraries, and the only files that may include them.
LIBRARIES = [
    (r"rocksdb/", r"engine/store/|tests/unit/store/|bench/peer"),
    (r"microhttpd\.h", r"gateway/"),
    (
        r"curl/",
        r"cli/http_client\.|gateway/(rerank_http|backup/backup_hook_http)\.|snapshot/remote|bench/",
    ),
    (
        r"(\w*intrin|arm_neon|arm_sve)\.h",
        r"engine/(distance|quant|index)/\w+_(avx2|avx512|neon)\.c$",
    ),
    (r"xxhash\.h", r"engine/base/"),
]
# Private headers are for the folder they lie in, and for its tests.
PRIVATE = re.compile(r"_(private|inner|kernels|body)\.h$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
TABLE = ".def"  # included for its rows; includes nothing itself


def layer_of(name):
    return ENGINE.index(name)


def engine_offence(layer, target):
    """Why a file of an engine layer may not include `target` ("folder/x.h"), or None."""
    if target == "varve.h" or "/" not in target:
        return None
    other = target.split("/")[0]
    if other == layer:
        return None
    if other not in ENGINE:
        return f"'{other}/' is no layer of the engine"
    if other in ONLY_USED_BY and layer not in ONLY_USED_BY[other]:
        return f"{other}/ is used by {', '.join(sorted(ONLY_USED_BY[other]))}/ only"
    if any({layer, other} == pair for pair in SIDE_BY_SIDE):
        return f"{layer}/ and {other}/ stand side by side"
    if layer_of(other) > layer_of(layer):
        return f"{layer}/ lies below {other}/"
    return None


def above_offence(root, file, top, target):
    allowed = ABOVE[top]
    if any(
        target == entry or entry.endswith("/") and target.startswith(entry) for entry in allowed
    ):
        return None
    own = [root / top / target, (root / file).parent / target]
    if any(path.is_file() for path in own):
        return None
    return f"{top}/ may include its own files, {', '.join(allowed)} only"


def quoted_offence(root, file, target):
    parts = PurePosixPath(file).parts
    if ".." in PurePosixPath(target).parts:
        return None if parts[0] in FREE else "an include never climbs"
    if parts[0] == "engine":
        if len(parts) == 2:  # varve.h and its part
            if {parts[1], target} <= {
                "varve.h",
                "varve_compaction.h",
                "varve_query.h",
                "varve_snapshot.h",
            }:
                return None
            return "varve.h stands alone"
        if parts[1] not in ENGINE:
            return f"engine/{parts[1]}/ has no place among the layers"
        offence = engine_offence(parts[1], target)
    elif parts[0] in ABOVE:
        offence = above_offence(root, file, parts[0], target)
    elif parts[0] in FREE:
        return None
    else:
        return f"{parts[0]}/ has no place in the tree"
    if not offence and PRIVATE.search(target) and "/" in target:
        own = parts[1] if parts[0] == "engine" else parts[0]
        if target.split("/")[0] != own:
            offence = f"private to {target.split('/')[0]}/"
    return offence


def library_offence(file, target):
    for header, users in LIBRARIES:
        if re.match(header, target) and not re.match(users, file):
            return f"only {users} may include this"
    return None


def offences_of(root, file, text):
    for match in INCLUDE.finditer(text):
        quote, target = match.groups()
        offence = library_offence(file, target)
        if not offence and quote == '"':
            offence = quoted_offence(root, file, target)
        if offence:
            line = text.count("\n", 0, match.start()) + 1
            yield f"{file}:{line}: includes {target}: {offence}"


def check(root):
    files = [path for path in sources.c_files(root) if path.suffix != TABLE]
    offences = []
    for path in files:
        file = path.relative_to(root).as_posix()
        offences += offences_of(root, file, path.read_text(encoding="utf-8"))
    return offences, f"layers: {len(files)} files"


if __name__ == "__main__":
    sources.run(check, __doc__)
