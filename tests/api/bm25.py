"""BM25 and fusions as their definitions say, for tests: slow and plain."""

import math
import re
import unicodedata
from collections import Counter

ALONE = re.compile("[\u3040-\u30ff\u3400-\u9fff]")  # kana, ideographs: a token each


def is_part(c):
    return unicodedata.category(c) in ("Nd", "Mn", "Mc", "Me") or c.isalpha()


def tokens(text):
    """Runs of letters, marks and decimal digits, lower case."""
    text = text.lower()
    if not text.isascii():
        text = ALONE.sub(r" \g<0> ", unicodedata.normalize("NFC", text))
        text = "".join(c if is_part(c) else " " for c in text)
    return re.findall(r"[^\W_]+" if text.isascii() else r"\S+", text)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from strings(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)


class Corpus:
    """Rows {id: fields}, their words counted once; tokens of all paths count together."""

    def __init__(self, rows, paths=None):
        self.counts, self.rows_with = {}, Counter()
        for id, row in rows.items():
            looked = row if paths is None else {p: row[p] for p in paths if p in row}
            self.counts[id] = Counter(t for s in strings(looked) for t in tokens(s))
            self.rows_with.update(self.counts[id].keys())
        self.lengths = {id: c.total() for id, c in self.counts.items()}
        self.average = sum(self.lengths.values()) / len(rows)

    def scores(self, query, k1=1.2, b=0.75):
        """{id: score > 0}"""
        found = {}
        for term in tokens(query):
            df = self.rows_with[term]
            idf = math.log((len(self.counts) - df + 0.5) / (df + 0.5) + 1)
            for id, count in self.counts.items():
                tf = count.get(term)
                if tf:
                    norm = k1 * (1 - b + b * self.lengths[id] / self.average)
                    found[id] = found.get(id, 0) + idf * tf * (k1 + 1) / (tf + norm)
        return found


def scores(rows, query, paths=None, k1=1.2, b=0.75):
    """{id: score > 0} of rows {id: fields}."""
    return Corpus(rows, paths).scores(query, k1, b)


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
