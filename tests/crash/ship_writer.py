"""Clients of ship_harness.py local: rows of their own, one after the other, each noted with its log
number and the time of its answer."""

import http.client
import json
import threading
import time
from collections import namedtuple

NAMES = {"database_name": "default", "collection_name": "shipped"}
Answered = namedtuple("Answered", "key lsn time")


def vector_of(key):
    return [float(key % 1009), float(key % 31), 1.0]


def create(client):
    client.ask("/required_collection", dim=3, **NAMES)


class Writer(threading.Thread):
    def __init__(self, number, client, stop):
        super().__init__(daemon=True)
        self.client, self.stop_wish = client, stop
        self.next = 1000000 * (number + 1)
        self.sent, self.answered = [], []

    def run(self):
        try:
            while not self.stop_wish.is_set():
                self.write(self.next)
                self.next += 1
        except (http.client.HTTPException, OSError):
            pass  # the server is gone
        finally:
            self.client.close()

    def write(self, key):
        self.sent.append(key)
        body = json.dumps({**NAMES, "ids": [key], "vectors": [vector_of(key)]})
        self.client.http.request("POST", "/add", body, {"Content-Type": "application/json"})
        reply = self.client.http.getresponse()
        reply.read()
        if reply.status == 200:
            self.answered.append(Answered(key, int(reply.headers["X-LSN"]), time.monotonic()))


def read_ids(client):
    """The ids that are there, each with its own vector."""
    vectors, ids, _ = client.ask("/query_vectors", **NAMES)["result"]
    for key, vector in zip(ids, vectors):
        if vector != vector_of(key):
            raise RuntimeError(f"row {key} has the vector {vector}")
    return set(ids)
