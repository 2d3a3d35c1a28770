"""The bundled package descriptions, their vectors, and queries that ask for one of them; see
bench/data/README.md."""

import json
import subprocess

import numpy

from server import ROOT

DATA = ROOT / "bench" / "data"
DIM = 384


def rows():
    """{row number: fields}"""
    command = ["zstd", "-dcq", str(DATA / "packages.ndjson.zst")]
    lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    return dict(enumerate(map(json.loads, lines)))


def vectors(name="packages"):
    return numpy.load(DATA / f"{name}.f16.npy").astype("<f4")


def judged(name, rows):
    """[(text, vector, row expected)] of "titles" or "queries", those that expect one."""
    number = {row["name"]: id for id, row in rows.items()}
    lines = (DATA / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    return [
        (q["query"], vector, number[q["expect"]])
        for q, vector in zip(asked, vectors(name))
        if q["expect"] is not None
    ]
