"""BM25 and fusions as their definitions say, for tests: slow and plain."""

import math
import re


def tokens(text):
    return re.findall(r"[^\W_]+", text.lower())


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)


def scores(rows, query, paths=None, k1=1.2, b=0.75):
    """{id: score > 0} of rows {id: fields}; tokens of all paths count together."""
    words = {}
    for id, row in rows.items():
        looked = row if paths is None else {p: row[p] for p in paths if p in row}
        words[id] = [t for s in strings(looked) for t in tokens(s)]
    average = sum(map(len, words.values())) / len(words)
    found = {}
    for term in tokens(query):
        df = sum(term in w for w in words.values())
        idf = math.log((len(rows) - df + 0.5) / (df + 0.5) + 1)
        for id, w in words.items():
            tf = w.count(term)
            if tf:
                norm = k1 * (1 - b + b * len(w) / average)
                found[id] = found.get(id, 0) + idf * tf * (k1 + 1) / (tf + norm)
    return found


def rrf(legs, k=60):
    """legs: [(weight, [id best first])] -> {id: score}"""
    fused = {}
    for weight, ids in legs:
        for rank, id in enumerate(ids):
            fused[id] = fused.get(id, 0) + weight / (k + rank + 1)
    return fused


def weighted(legs):
    """legs: [(weight, {id: score}, larger is better)] -> {id: score}"""
    fused = {}
    for weight, leg, larger in legs:
        low, high = min(leg.values()), max(leg.values())
        for id, score in leg.items():
            part = 1 if high == low else (score - low) / (high - low)
            if not larger and high != low:
                part = 1 - part
            fused[id] = fused.get(id, 0) + weight * part
    return fused


def dbsf(legs):
    fused = {}
    for weight, leg, larger in legs:
        values = list(leg.values())
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
        for id, score in leg.items():
            part = (score - (mean - 3 * spread)) / (6 * spread)
            fused[id] = fused.get(id, 0) + weight * (part if larger else 1 - part)
    return fused


def ranked(scores, n):
    return sorted(scores, key=lambda id: (-scores[id], id))[:n]
