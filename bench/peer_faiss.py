#!/usr/bin/env python3
"""FAISS as a peer of `varve-bench ann`: the same rows, queries, k and JSON lines; one thread, one
query at a time, processor time.

  python3 -m venv DIR && DIR/bin/pip install faiss-cpu numpy
  DIR/bin/python bench/peer_faiss.py [--data FOLDER] [--rows N] [--rounds N] [--index NAME]...

Debian's FAISS is built without the kernels of newer processors and is no peer in speed; PyPI's is.
Where faiss cannot be imported, a line names it as skipped. Each search is a call from Python; what
such a call costs on an index of one row is in the conditions and is not taken off."""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

K = 10
GOALS = (0.90, 0.95, 0.99)
QUERIES_OF_A_PASS = 1000
KINDS = [  # rows, queries, truth, metric
    ("base.u8.npy", "query.u8.npy", "truth.l2.top100.i32.npy", "l2"),
    ("packages.f16.npy", "queries.f16.npy", "truth.top100.i32.npy", "ip"),
]
INDEXES = ("IVF1024,PQ64x4fs,RFlat", "HNSW16", "IVF1024,SQ8")
PROBES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
BEAMS = (10, 14, 20, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250, 320, 400, 500)
REFINED = (2, 4, 8, 16, 32)  # candidates per hit that are compared exactly


def line(name, value, unit, conditions, **more):
    good = value is not None and math.isfinite(value)
    print(json.dumps({"name": name, "value": float(f"{value:.5g}") if good else None, "unit": unit,
                      "ratio": None, "ratio_to": None, "conditions": conditions, **more}),
          flush=True)


class Data:
    def __init__(self, folder, rows_max):
        import numpy
        self.numpy = numpy
        for rows, queries, truth, self.metric in KINDS:
            if (folder / rows).exists():
                break
        else:
            sys.exit(f"{folder} has no vectors of a known name (a packed file must be unpacked)")
        self.rows = numpy.ascontiguousarray(
            numpy.load(folder / rows, mmap_mode="r")[:rows_max], dtype="float32")
        self.queries = numpy.ascontiguousarray(
            numpy.load(folder / queries)[:QUERIES_OF_A_PASS], dtype="float32")
        name = "packages" if "packages" in rows else folder.name
        self.label = f"{name}.float32.{self.rows.shape[1]}"
        whole = not rows_max and (folder / truth).exists()
        self.kth = self.kth_of(numpy.load(folder / truth)[:, K - 1]) if whole else self.search()

    def distance(self, query, rows):
        rows = self.rows[rows].astype("float64")
        query = self.queries[query].astype("float64")
        return ((rows - query) ** 2).sum(-1) if self.metric == "l2" else -(rows @ query)

    def kth_of(self, ids):
        return [self.distance(q, int(row)) for q, row in enumerate(ids[: len(self.queries)])]

    def search(self):
        """The true rows, by float32 products; the k-th distance again in double precision."""
        squares = (self.rows ** 2).sum(1)
        kth = []
        for q, query in enumerate(self.queries):
            key = self.rows @ query
            key = squares - 2 * key if self.metric == "l2" else -key
            near = self.numpy.argpartition(key, 2 * K)[: 2 * K]
            kth.append(sorted(self.distance(q, near))[K - 1])
        return kth

    def recall(self, found):
        good = 0
        for q, ids in enumerate(found):
            ids = [i for i in set(ids.tolist()) if i >= 0]
            limit = self.kth[q] + 1e-6 * abs(self.kth[q])
            good += min(K, int((self.distance(q, ids) <= limit).sum())) if ids else 0
        return good / (K * len(found))


def settings_of(name):
    """The knobs of an index, from the least effort to the most."""
    if "RFlat" in name:
        return [f"nprobe={p},k_factor_rf={r}" for p in PROBES for r in REFINED]
    if name.startswith("IVF"):
        return [f"nprobe={p}" for p in PROBES]
    return [f"efSearch={e}" for e in BEAMS]


def build(faiss, data, name):
    metric = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    most = max(1, len(data.rows) // 39)  # fewer rows per partition than this cannot be trained
    factory = name.replace("IVF1024", f"IVF{min(1024, most)}")
    index = faiss.index_factory(data.rows.shape[1], factory, metric)
    if name.startswith("HNSW"):
        index.hnsw.efConstruction = 200
    began = time.process_time()
    index.train(data.rows)
    index.add(data.rows)
    return index, time.process_time() - began


def one_pass(data, index):
    """(seconds of the processor, ids)"""
    found, began = [], time.process_time()
    for q in range(len(data.queries)):
        found.append(index.search(data.queries[q:q + 1], K)[1][0])
    return time.process_time() - began, found


def call_cost(faiss, data):
    tiny = faiss.IndexFlatL2(data.rows.shape[1])
    tiny.add(data.rows[:1])
    return one_pass(data, tiny)[0] / len(data.queries)


def measure(faiss, data, index, name, rounds):
    """Points (recall, queries a second), those that nothing beats, by recall."""
    space, points = faiss.ParameterSpace(), []
    for setting in settings_of(name):
        space.set_index_parameters(index, setting)
        passes = [one_pass(data, index) for _ in range(rounds)]
        seconds = statistics.median(p[0] for p in passes)
        points.append((data.recall(passes[0][1]), len(data.queries) / seconds, setting))
    points.sort(key=lambda p: (-p[1], -p[0]))
    best = []
    for point in points:
        if not best or point[0] > best[-1][0]:
            best.append(point)
    return best


def speed_at(points, recall):
    """As ann_curve.c: linear in recall and the logarithm of the speed."""
    for i, (r, qps, _) in enumerate(points):
        if r < recall:
            continue
        if i == 0:
            return qps
        r0, qps0, _ = points[i - 1]
        share = (recall - r0) / (r - r0)
        return math.exp(math.log(qps0) + share * (math.log(qps) - math.log(qps0)))
    return None


def run(faiss, data, name, rounds):
    prefix = f"ann.{data.label}.faiss.{name}"
    index, seconds = build(faiss, data, name)
    rows, kind = len(data.rows), f"faiss {faiss.__version__}, {len(data.rows)} rows, one thread"
    line(f"{prefix}.build.threads1", rows / seconds, "vectors/cpu s",
         f"{kind}, {seconds:.1f} s of processor time")
    line(f"{prefix}.disk", len(faiss.serialize_index(index)) / rows, "bytes/vector", kind)
    points = measure(faiss, data, index, name, rounds)
    for recall, qps, setting in points:
        line(f"{prefix}.{setting}", qps, "queries/s", f"recall@{K} {recall:.4f}, {kind}")
    cost = call_cost(faiss, data)
    said = f"best recall {points[-1][0]:.4f}, {kind}; a call from Python costs {cost * 1e6:.0f} us"
    for goal in GOALS:
        line(f"{prefix}.at_recall_{goal:.2f}", speed_at(points, goal), "queries/s", said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parent / "data")
    parser.add_argument("--rows", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--index", action="append")
    args = parser.parse_args()
    try:
        import faiss
    except ImportError as why:
        line("ann.faiss", None, "queries/s", f"skipped: {why}", skipped="faiss")
        return
    faiss.omp_set_num_threads(1)
    data = Data(args.data, args.rows)
    for name in args.index or INDEXES:
        run(faiss, data, name, args.rounds)


if __name__ == "__main__":
    main()
