"""Vectors in clusters, as real ones lie, and the true nearest of them by a plain evaluation."""

import numpy


def clustered(rows, dim, seed=1, clusters=64, spread=0.4):
    """float32 vectors around common centres; (vectors, queries) of the same kind. The larger the
    spread, the harder it is for an index."""
    random = numpy.random.default_rng(seed)
    centres = random.normal(size=(clusters, dim))

    def draw(n):
        near = centres[random.integers(0, clusters, n)]
        return (near + spread * random.normal(size=(n, dim))).astype("<f4")

    return draw(rows), draw(50)


def distances(metric, rows, query):
    rows, query = rows.astype(float), query.astype(float)
    if metric == "IP":
        return -(rows @ query)
    if metric == "L2":
        return ((rows - query) ** 2).sum(1)
    if metric == "L1":
        return abs(rows - query).sum(1)
    if metric == "HAMMING":
        return ((rows > 0.5) != (query > 0.5)).sum(1).astype(float)
    return 1 - rows @ query / numpy.linalg.norm(rows, axis=1) / numpy.linalg.norm(query)


def recall(metric, rows, queries, answers, k):
    """Mean share of hits as near as the true k-th one; answers are lists of row numbers."""
    found = 0.0
    for query, answer in zip(queries, answers):
        d = distances(metric, rows, query)
        limit = numpy.partition(d, k - 1)[k - 1]
        found += sum(d[row] <= limit + 1e-5 * abs(limit) for row in answer[:k]) / k
    return found / len(queries)
