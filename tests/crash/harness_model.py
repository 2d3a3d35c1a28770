"""What the folder must hold after a crash. Every client owns its ids, so that the state of each id
is known exactly: what was acknowledged, plus the steps of the one request that was in flight. A
step is atomic; the steps of a request come through in order, so the folder must show the first j of
them."""

import threading
import zlib

DIM = 8
LIVE, DELETED = "live", "deleted"


def key_text(key):
    return f"{type(key).__name__[0]}:{key}"


def vector_of(key, version):
    """Whole numbers below 2**16, so that float32 and JSON keep them."""
    checksum = zlib.crc32(f"{key_text(key)}/{version}".encode())
    number = key if isinstance(key, int) else zlib.crc32(key.encode())
    return [float(checksum & 0xFFFF), float(checksum >> 16), float(version & 0xFFFF),
            float(version >> 16), float(number & 0xFFFF), 1.0, -0.5, float(len(key_text(key)))]


def fields_of(key, version):
    """None: no fields were ever given, which reads as {}."""
    if version is None:
        return {}
    checksum = zlib.crc32(f"{version}/{key_text(key)}".encode())
    return {"key": key, "version": version, "sum": checksum, "pad": "x" * (checksum % 50),
            "text": f"version {version} of {key}"}


class Row(tuple):
    """(state, version of the vector, version of the fields, versions of the named vectors as sorted
    pairs of field and version); immutable."""

    def __new__(cls, state, version, fields_version, named=()):
        return super().__new__(cls, (state, version, fields_version, tuple(named)))

    state = property(lambda self: self[0])
    version = property(lambda self: self[1])
    fields_version = property(lambda self: self[2])
    named = property(lambda self: self[3])

    def version_in(self, field):
        """None: it has no vector there."""
        return dict(self.named).get(field)

    def with_named(self, field, version):
        named = {**dict(self.named), field: version}
        if version is None:
            del named[field]
        return Row(*self[:3], sorted(named.items()))

    def with_state(self, state):
        return Row(state, *self[1:])


def seen(row):
    """As much of a row as can be read: named vectors of a deleted one come back with it."""
    return Row(*row[:3]) if row and row.state == DELETED else row


class Freeze:
    """From the moment it is set, nothing is acknowledged any more."""

    def __init__(self):
        self.lock = threading.Lock()
        self.frozen = False

    def set(self):
        with self.lock:
            self.frozen = True

    def clear(self):
        with self.lock:
            self.frozen = False


class ClientModel:
    """States of one client's ids, by (collection, id). Used by its thread, and by the checker once
    that
    thread has ended."""

    def __init__(self, freeze):
        self.freeze = freeze
        self.rows = {}
        self.in_flight = []  # steps: {(collection, id): Row or None}
        self.acked = 0
        self.next_version = 1

    def version(self):
        self.next_version += 1
        return self.next_version - 1

    def begin(self, steps):
        self.in_flight = steps

    def acknowledge(self):
        """False: too late, the request stays in flight."""
        with self.freeze.lock:
            if self.freeze.frozen:
                return False
            for step in self.in_flight:
                self._apply(self.rows, step)
            self.acked += 1
            self.in_flight = []
            return True

    @staticmethod
    def _apply(rows, step):
        for key, row in step.items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row

    def candidates(self):
        """The states that are allowed: after 0, 1, … steps of the request in flight."""
        rows = dict(self.rows)
        yield dict(rows)
        for step in self.in_flight:
            self._apply(rows, step)
            yield dict(rows)

    def touched(self):
        return {key for step in self.in_flight for key in step}

    def adopt(self, rows):
        self.rows = rows
        self.in_flight = []


class Verdict:
    """Counts of everything that must be 0, with sentences about the first few."""

    def __init__(self):
        self.lost = self.resurrected = self.half_batches = self.wrong = self.extra = 0
        self.sentences = []

    def add(self, kind, sentence):
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.sentences) < 20:
            self.sentences.append(f"{kind}: {sentence}")

    def bad(self):
        return self.lost + self.resurrected + self.half_batches + self.wrong + self.extra


def judge_row(verdict, key, expected, found):
    """A row that was not touched by a request in flight."""
    sentence = f"{key}: {expected} expected, {found} found"
    if expected is None:
        verdict.add("extra", sentence)
    elif found is None or expected.state == LIVE and found.state == DELETED:
        verdict.add("lost", sentence)
    elif expected.state == DELETED and found.state == LIVE:
        verdict.add("resurrected", sentence)
    elif isinstance(found.version, int) and found.version < expected.version:
        verdict.add("lost", sentence)
    else:
        verdict.add("wrong", sentence)


def judge(verdict, models, found):
    """found: {(collection, id): Row} of the whole folder. Models take over what they find."""
    known = set()
    for model in models:
        touched = model.touched()
        keys = set(model.rows) | touched
        known |= keys
        for key in keys - touched:
            if seen(model.rows.get(key)) != found.get(key):
                judge_row(verdict, key, seen(model.rows.get(key)), found.get(key))
        for rows in model.candidates():
            if all(seen(rows.get(key)) == found.get(key) for key in touched):
                model.adopt(rows)
                break
        else:
            first = next(iter(model.candidates()))
            differ = [key for key in touched if seen(first.get(key)) != found.get(key)]
            verdict.add("half_batches",
                        f"{len(differ)} of {len(touched)} rows of a request of "
                        f"{len(model.in_flight)} steps came through, as {differ[:3]} "
                        f"{[found.get(key) for key in differ[:3]]}")
            model.adopt({k: v for k, v in found.items() if k in keys})
    for key in set(found) - known:
        verdict.add("extra", f"{key}: {found[key]} that nobody wrote")


def read_row(state, key, vector, fields):
    """The Row that a vector and fields stand for; a Row with texts in it when they are not what any
    version of the id has."""
    version = int(vector[2]) + (int(vector[3]) << 16) if len(vector) == DIM else None
    if version is None or vector != vector_of(key, version):
        return Row(state, f"vector {vector}", None)
    fields_version = fields.get("version") if fields else None
    if fields != fields_of(key, fields_version):
        return Row(state, version, f"fields {fields}")
    return Row(state, version, fields_version)


def read_collection(client, names, collection):
    """{(collection, id): Row}, live and deleted; and the live ids as a search finds them."""
    found = {}
    vectors, ids, fields = client.ask("/query_vectors", **names)["result"]
    for vector, key, row in zip(vectors, ids, fields):
        found[(collection, key)] = read_row(LIVE, key, vector, row)
    deleted = client.ask("/list_deleted_ids", **names)["ids"]
    if deleted:
        vectors, ids, fields = client.ask("/read_by_only_id", id=deleted, **names)["item"]
        for vector, key, row in zip(vectors, ids, fields):
            if (collection, key) in found:
                raise RuntimeError(f"{collection} {key} is live and deleted")
            found[(collection, key)] = read_row(DELETED, key, vector, row)
    return found


def check_views(verdict, client, names, collection, found):
    """Search and counts must agree with the rows."""
    live = {key for (_, key), row in found.items() if row.state == LIVE}
    counts = client.ask("/stats", **names)["stats"]
    if (counts["n_live"], counts["n_tombstoned"]) != (len(live), len(found) - len(live)):
        verdict.add("wrong", f"{collection}: counts {counts}, but {len(live)} live rows")
    if not found:
        return
    answer = client.ask("/search", vector=[0.0] * DIM, k=len(found) + 10, **names)
    if sorted(map(key_text, answer["items"]["ids"])) != sorted(map(key_text, live)):
        verdict.add("wrong", f"{collection}: a search finds {len(answer['items']['ids'])} rows, "
                             f"{len(live)} are live")
