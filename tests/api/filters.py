"""Rows for tests of filters, and the same filters in plain Python."""

import numpy

DIM, ROWS = 16, 600
WORDS = "river delta stone glass paper cloud ember field winter amber".split()


def fields(i):
    """Every third row has no tags, every fifth no year; the types are mixed under `mixed`."""
    row = {
        "n": i,
        "name": f"row {i}",
        "even": i % 2 == 0,
        "group": "abc"[i % 3],
        "price": i / 8,
        "mixed": [i, str(i), None, i % 2 == 0][i % 4],
        "doc": {"lang": ["de", "en", "fr"][i % 3], "pages": i % 40},
        "text": f"{WORDS[i % 10]} and {WORDS[(i * 7) % 10]}, {WORDS[(i // 10) % 10]}",
        "day": f"2026-{1 + i % 12:02}-{1 + i % 28:02}T00:00:00Z",
    }
    if i % 3:
        row["tags"] = [WORDS[i % 10], WORDS[(i + 3) % 10]] + (["two words"] if i % 7 == 0 else [])
    if i % 5:
        row["year"] = 2000 + i % 30
    return row


def vectors(n=ROWS, dim=DIM, seed=3):
    return numpy.random.default_rng(seed).normal(size=(n, dim)).astype("f4")


def fill(collection, n=ROWS, dim=DIM):
    """Ids 0 … n - 1, in several batches; (vectors, fields)."""
    data, rows = vectors(n, dim), [fields(i) for i in range(n)]
    for at in range(0, n, 200):
        collection.ok(
            "add",
            ids=list(range(at, min(at + 200, n))),
            vectors=data[at : at + 200].tolist(),
            fields=rows[at : at + 200],
        )
    return data, rows


# where, where_params, the same in Qdrant's grammar (or None), the same in Python
FILTERS = [
    ("n < 40", None, {"must": [{"key": "n", "range": {"lt": 40}}]}, lambda r: r["n"] < 40),
    (
        "group = 'a'",
        None,
        {"must": [{"key": "group", "match": {"value": "a"}}]},
        lambda r: r["group"] == "a",
    ),
    (
        "group = :g AND n >= :from",
        {"g": "b", "from": 300},
        {
            "must": [
                {"key": "group", "match": {"value": "b"}},
                {"key": "n", "range": {"gte": 300}},
            ]
        },
        lambda r: r["group"] == "b" and r["n"] >= 300,
    ),
    (
        "n IN (?, ?, 7)",
        [5, 6],
        {"must": [{"key": "n", "match": {"any": [5, 6, 7]}}]},
        lambda r: r["n"] in (5, 6, 7),
    ),
    (
        "n IN (:list)",
        {"list": [1, 2, 3]},
        {"should": [{"key": "n", "match": {"value": v}} for v in (1, 2, 3)]},
        lambda r: r["n"] in (1, 2, 3),
    ),
    (
        "NOT (even = true OR group = 'a')",
        None,
        {
            "must_not": [
                {"key": "even", "match": {"value": True}},
                {"key": "group", "match": {"value": "a"}},
            ]
        },
        lambda r: not (r["even"] or r["group"] == "a"),
    ),
    ("n BETWEEN 10 AND 20", None, None, lambda r: 10 <= r["n"] <= 20),
    ("name LIKE 'row 1%'", None, None, lambda r: r["name"].startswith("row 1")),
    ("name ILIKE 'ROW _'", None, None, lambda r: len(r["name"]) == 5),
    (
        "year IS NULL",
        None,
        {"must": [{"is_empty": {"key": "year"}}]},
        lambda r: "year" not in r,
    ),
    ("year IS NOT NULL AND year > 2025", None, None, lambda r: r.get("year", 0) > 2025),
    (
        "tags CONTAINS 'river'",
        None,
        {"must": [{"key": "tags", "match": {"value": "river"}}]},
        lambda r: "river" in r.get("tags", []),
    ),
    (
        "tags CONTAINS 'two words' OR (n = 1)",
        None,
        None,
        lambda r: "two words" in r.get("tags", []) or r["n"] == 1,
    ),
    (
        "doc.lang = 'de' AND doc.pages < 10",
        None,
        {
            "must": [
                {"key": "doc.lang", "match": {"value": "de"}},
                {"key": "doc.pages", "range": {"lt": 10}},
            ]
        },
        lambda r: r["doc"]["lang"] == "de" and r["doc"]["pages"] < 10,
    ),
    ("price = 10", None, None, lambda r: r["price"] == 10),
    (
        "id IN (3, 4, 5000)",
        None,
        {"must": [{"has_id": [3, 4, 5000]}]},
        lambda r: r["n"] in (3, 4),
    ),
    ("n < 0", None, {"must": [{"key": "n", "range": {"lt": 0}}]}, lambda r: False),
]
