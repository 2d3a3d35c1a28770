"""Clients that write without pause, each to ids of its own, over every route that writes rows."""

import http.client
import json
import random
import struct
import sys
import threading
import time
from pathlib import Path

import numpy

from harness_fields import FieldLoad, create_fields
from harness_model import DELETED, DIM, LIVE, Row, fields_of, vector_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from ldbf1 import payload  # noqa: E402

DATABASE = "default"
MIXED, NUMBERS = "mixed", "numbers"  # integer and string ids over JSON; integers over binary routes
COLLECTIONS = (MIXED, NUMBERS)
SCRATCH = "#"  # stands for the collections that come and go
IDS = 300      # of one client in one collection


def names(collection):
    return {"database_name": DATABASE, "collection_name": collection}


class Interrupted(Exception):
    """The server is gone; what was in flight stays so."""


class Load(threading.Thread, FieldLoad):
    collections, mixed, names = COLLECTIONS, MIXED, staticmethod(names)

    def __init__(self, number, model, server, seed, stop):
        super().__init__(daemon=True)
        self.number, self.model, self.server, self.stop_wish = number, model, server, stop
        self.random = random.Random(seed)
        self.client = server.client()
        self.failure = None  # a sentence
        self.requests = 0
        first = 1000000 * (number + 1)
        self.ids = {
            MIXED: [first + i if i % 2 else f"c{number}-{i}" for i in range(IDS)],
            NUMBERS: list(range(first, first + IDS)),
        }

    # ---- running

    def run(self):
        operations = [
            (self.add, 4), (self.add_conflict, 1), (self.upsert, 4), (self.delete, 3),
            (self.restore, 2), (self.add_binary, 3), (self.upsert_binary, 3), (self.bulk_end, 3),
            (self.bulk_batches, 2), (self.bulk_frames, 1), (self.bulk_dropped, 1),
            (self.scratch, 1), (self.quiet, 1), (self.add_named, 5), (self.add_named_conflict, 1),
            (self.update_named, 4), (self.delete_named, 2), (self.come_and_go, 1),
        ]
        choices, weights = zip(*operations)
        try:
            while not self.stop_wish.is_set():
                self.random.choices(choices, weights)[0]()
                self.requests += 1
        except Interrupted:
            pass
        except Exception as error:  # everything else is a finding
            self.failure = f"client {self.number}: {type(error).__name__}: {error}"
        finally:
            self.client.close()

    def lost_server(self, error):
        """After the freeze a broken connection is what was asked for; before it, a finding."""
        if isinstance(error, TimeoutError):
            raise RuntimeError("no answer in time") from error
        if self.may_break():
            raise Interrupted() from error
        raise RuntimeError(f"the connection broke: {error!r}") from error

    def may_break(self):
        with self.model.freeze.lock:
            return self.model.freeze.frozen or self.stop_wish.is_set()

    def request(self, steps, send, expect=200):
        """One request, and its steps acknowledged when it is answered."""
        self.model.begin(steps)
        try:
            status, answer = send()
        except (http.client.HTTPException, OSError) as error:
            self.lost_server(error)
        if status >= 500 and self.may_break():  # a disk without power, or a server that drains
            raise Interrupted()
        if status != expect:
            raise RuntimeError(f"{status} instead of {expect}: {answer}")
        if not self.model.acknowledge():
            raise Interrupted()

    # ---- choosing rows

    def pick(self, collection, wanted, most):
        """Up to `most` ids whose state is one of `wanted` (None: absent)."""
        ids = self.ids[collection]
        at, want, found = self.random.randrange(IDS), self.random.randint(1, most), []
        for i in range(IDS):
            key = ids[(at + i) % IDS]
            row = self.model.rows.get((collection, key))
            if (row.state if row else None) in wanted:
                found.append(key)
                if len(found) == want:
                    break
        return found

    def written(self, collection, keys, version, with_fields, replace):
        """The step of writing these keys at one version."""
        step = {}
        for key in keys:
            before = self.model.rows.get((collection, key)) if replace else None
            fields_version = version if with_fields else before.fields_version if before else None
            step[(collection, key)] = Row(LIVE, version, fields_version,
                                          before.named if before else ())
        return step

    # ---- JSON routes

    def put(self, path, collection, keys, with_fields, expect=200):
        version = self.model.version()
        body = {**names(collection), "ids": keys,
                "vectors": [vector_of(key, version) for key in keys]}
        if with_fields:
            body["fields"] = [fields_of(key, version) for key in keys]
        step = self.written(collection, keys, version, with_fields, path == "/upsert")
        steps = [step] if expect == 200 else []
        self.request(steps, lambda: self.client.post(path, body), expect)

    def add(self):
        keys = self.pick(MIXED, {None}, 40)
        if keys:
            self.put("/add", MIXED, keys, self.random.random() < 0.8)

    def add_conflict(self):
        """Refused as a whole for the one id that is there."""
        there, absent = self.pick(MIXED, {LIVE, DELETED}, 1), self.pick(MIXED, {None}, 10)
        if there and absent:
            self.put("/add", MIXED, absent + there, True, expect=400)

    def upsert(self):
        collection = self.random.choice(COLLECTIONS)
        keys = self.pick(collection, {None, LIVE, DELETED}, 40)
        self.put("/upsert", collection, keys, self.random.random() < 0.6)

    def mark(self, path, wanted, state):
        collection = self.random.choice(COLLECTIONS)
        keys = self.pick(collection, wanted, 30)
        step = {}
        for key in keys:
            step[(collection, key)] = self.model.rows[(collection, key)].with_state(state)
        keys = keys + self.pick(collection, {None}, 2)  # unknown ids are passed over
        if keys:
            body = {**names(collection), "ids": keys}
            self.request([step], lambda: self.client.post(path, body))

    def delete(self):
        self.mark("/delete", {LIVE}, DELETED)

    def restore(self):
        self.mark("/restore", {DELETED}, LIVE)

    # ---- binary routes

    def put_binary(self, path, keys, replace):
        if not keys:
            return
        version, with_fields = self.model.version(), self.random.random() < 0.7
        query = {**names(NUMBERS), "dim": DIM, "n_vectors": len(keys), "ids_encoding": "raw"}
        body = numpy.array([vector_of(k, version) for k in keys], "<f4").tobytes()
        if keys == list(range(keys[0], keys[0] + len(keys))) and self.random.random() < 0.5:
            query.update(ids_encoding="range", ids_start=keys[0])
        else:
            body += struct.pack(f"<{len(keys)}Q", *keys)
        if with_fields:
            body += payload([fields_of(key, version) for key in keys])
        step = self.written(NUMBERS, keys, version, with_fields, replace)
        self.request([step], lambda: self.client.binary(path, body, query))

    def add_binary(self):
        self.put_binary("/add_records_binary", self.pick(NUMBERS, {None}, 60), False)

    def upsert_binary(self):
        keys = self.pick(NUMBERS, {None, LIVE, DELETED}, 60)
        self.put_binary("/upsert_records_binary", keys, True)

    # ---- streams

    def slowly(self, parts):
        """Now and then a pause, so that a crash finds the stream half sent."""
        slow = self.random.random() < 0.3
        for part in parts:
            yield part
            if slow and self.random.random() < 0.1:
                time.sleep(0.01)

    def stream(self, query, parts, steps):
        length = sum(map(len, parts))
        self.request(steps, lambda: self.client.binary("/bulk", self.slowly(parts), query, length))

    def lines(self, keys, version, with_fields):
        for key in keys:
            row = {"id": key, "vector": vector_of(key, version)}
            if with_fields:
                row["fields"] = fields_of(key, version)
            yield json.dumps(row).encode() + b"\n"

    def bulk_end(self):
        """A session: everything or nothing."""
        collection, replace = self.random.choice(COLLECTIONS), self.random.random() < 0.6
        keys = self.pick(collection, {None, LIVE, DELETED} if replace else {None}, 300)
        if not keys:
            return
        version, with_fields = self.model.version(), self.random.random() < 0.7
        query = {**names(collection), "mode": "upsert" if replace else "insert", "commit": "end"}
        step = self.written(collection, keys, version, with_fields, replace)
        self.stream(query, list(self.lines(keys, version, with_fields)), [step])

    def bulk_batches(self):
        """Batch after batch: the first ones."""
        collection = self.random.choice(COLLECTIONS)
        keys = self.pick(collection, {None, LIVE, DELETED}, 120)
        version, rows = self.model.version(), self.random.choice((7, 16, 40))
        query = {**names(collection), "mode": "upsert", "commit": "batch", "batch_rows": rows}
        steps = [self.written(collection, keys[i:i + rows], version, True, True)
                 for i in range(0, len(keys), rows)]
        self.stream(query, list(self.lines(keys, version, True)), steps)

    def frame(self, keys, version, with_fields):
        head = b"VRVB" + struct.pack("<IIBBBBQ", len(keys), DIM, 0, 1, with_fields, 0, 0)
        vectors = numpy.array([vector_of(key, version) for key in keys], "<f4").tobytes()
        frame = head + vectors + struct.pack(f"<{len(keys)}Q", *keys)
        for key in keys if with_fields else []:
            text = json.dumps(fields_of(key, version)).encode()
            frame += struct.pack("<I", len(text)) + text
        return frame

    def bulk_frames(self):
        keys, version = self.pick(NUMBERS, {None, LIVE, DELETED}, 300), self.model.version()
        with_fields = self.random.random() < 0.5
        parts = [self.frame(keys[i:i + 50], version, with_fields) for i in range(0, len(keys), 50)]
        query = {**names(NUMBERS), "mode": "upsert", "commit": "end", "format": "frames"}
        step = self.written(NUMBERS, keys, version, with_fields, True)
        self.stream(query, parts, [step])

    def bulk_dropped(self):
        """The client goes away half-way: nothing of it may stay."""
        keys = self.pick(MIXED, {None, LIVE, DELETED}, 150)
        parts = list(self.lines(keys, self.model.version(), True))
        query = {**names(MIXED), "mode": "upsert", "commit": "end"}
        client = self.server.client(timeout=5)

        def broken():
            yield from parts
            raise BrokenPipeError("as meant")

        try:
            client.binary("/bulk", broken(), query, sum(map(len, parts)) + 1)
        except (http.client.HTTPException, OSError):
            pass  # as meant, or the server is gone: the next request tells
        finally:
            client.close()

    # ---- the rest

    def scratch(self):
        """Collections that come and go."""
        mine = [key for key in self.model.rows if key[0] == SCRATCH]
        if len(mine) > 3:
            key = self.random.choice(mine)
            path, step, body = "/drop_collection", {key: None}, {}
        else:
            key = (SCRATCH, f"scratch-{self.number}-{self.model.version()}")
            path, step, body = "/required_collection", {key: Row(LIVE, 0, None)}, {"dim": 4}
        body.update(names(key[1]))
        self.request([step], lambda: self.client.post(path, body))

    def quiet(self):
        """Nothing that changes a row."""
        path = self.random.choice(("/checkpoint", "/flush", "/commit"))
        body = names(self.random.choice(COLLECTIONS))
        self.request([], lambda: self.client.post(path, body))


def create_collections(client):
    for collection in COLLECTIONS:
        client.ask("/required_collection", dim=DIM, text_language="english", text_stem=True,
                   **names(collection))
        create_fields(client, names(collection))


def scratch_found(client):
    """The collections that come and go, as rows of the model."""
    listed = client.ask("/show_collections", database_name=DATABASE)["collections"]
    return {(SCRATCH, name): Row(LIVE, 0, None) for name in listed if name not in COLLECTIONS}
