"""Compaction: purge, merge, the jobs of the compactor, and what operators see and do."""

import json
import os
import re
import signal
import threading
import time

import numpy
import pytest

from data import clustered
from server import TIME_FACTOR, Collection, Server

DIM = 16


def fill(c, rows=3000, first=0, seed=1):
    vectors, _ = clustered(rows, DIM, seed)
    ids = numpy.arange(first, first + rows, dtype="<u8")
    c.raw_ok(
        "add_records_binary", vectors.tobytes() + ids.tobytes(), dim=DIM, n_vectors=rows
    )
    return vectors


def params(client, path):
    answer = client.get(path)
    assert answer["status"] == "success", answer
    return answer["params"]


def run(client, **body):
    return client.post("/compaction/run", body)


class TestCompact:
    def test_it_purges_and_counts(self, make):
        c = make()
        fill(c)
        c.ok("checkpoint")
        c.ok("delete", ids=list(range(0, 1000)))
        assert c.ok("stats")["stats"]["n_tombstoned"] == 1000
        assert c.ok("compact") == {**c.names, "vectors_removed": 1000}
        stats = c.ok("stats", details=True)["stats"]
        assert stats["n_vectors"] == stats["n_live"] == 2000
        assert stats["n_tombstoned"] == stats["rows_hidden"] == 0
        assert c.ok("list_deleted_ids")["ids"] == []
        assert c.ok("collection_shape")["shape"] == [2000, DIM]
        c.ok("restore", ids=[5])
        assert c.ok("is_id_exists", id=5)["is_id_exists"] is False
        c.fails(400, "external id 5 does not exist", "read_by_only_id", id=5)
        c.ok("add", ids=[5], vectors=[[0] * DIM])
        assert c.ok("compact")["vectors_removed"] == 0

    def test_nothing_to_do(self, make):
        c = make()
        assert c.ok("compact")["vectors_removed"] == 0
        c.ok("add", ids=[1], vectors=[[1]])
        assert c.ok("compact")["vectors_removed"] == 0
        assert c.ok("head")["head"][1] == [1]

    def test_rows_in_memory_are_purged_too(self, make):
        c = make()
        c.ok("add", ids=[1, 2, 3], vectors=[[1], [2], [3]])
        c.ok("delete", ids=[2])
        assert c.ok("compact")["vectors_removed"] == 1
        assert c.ok("head")["head"][1] == [1, 3]
        assert c.ok("is_id_exists", id=2)["is_id_exists"] is False

    def test_keep_deleted(self, make):
        c = make()
        fill(c)
        c.ok("delete", ids=[1, 2])
        assert c.ok("compact", keep_deleted=True)["vectors_removed"] == 0
        c.ok("restore", ids=[1])
        assert c.ok("list_deleted_ids")["ids"] == [2]

    def test_refusals(self, make):
        c = make()
        c.fails(400, "keep_deleted", "compact", keep_deleted="x")
        c.fails(400, "wait", "compact", wait=1)
        c.name = c.names["collection_name"] = "missing"
        c.fails(404, "Collection not found: missing", "compact")
        c.names["database_name"] = "missing"
        c.fails(404, "Database not found: missing", "compact")

    def test_segments_are_merged(self, make):
        c = make()
        for part in range(3):
            fill(c, 5000, 5000 * part, part)
            c.ok("checkpoint")
        assert c.ok("stats", details=True)["stats"]["segments"] == 3
        c.ok("compact")
        assert c.ok("stats", details=True)["stats"]["segments"] == 1
        assert c.ok("query", filter_ids=[0, 7500, 14999])["result"] == [
            {"id": 0},
            {"id": 7500},
            {"id": 14999},
        ]

    def test_writes_and_reads_go_on(self, make, shared):
        c = make()
        vectors = fill(c, 20000)
        c.ok("build_index", index_mode="HNSW-L2")
        c.ok("delete", ids=list(range(5000)))
        failures, ended = [], threading.Event()

        def work():
            client = shared.client()
            mine = Collection(client, c.database, c.name)
            number = 10**6
            try:
                while not ended.is_set():
                    mine.ok("add", ids=[number], vectors=[[number] + [0] * (DIM - 1)])
                    items = mine.ok("search", vector=[number] + [0] * (DIM - 1), k=1)["items"]
                    assert items["ids"] == [number]
                    q = vectors[5000 + number % 15000].tolist()
                    items = mine.ok("search", vector=q, k=1, exact=True)["items"]
                    assert items["scores"][0] <= 1e-5, "a live row is always there"
                    items = mine.ok("search", vector=q, k=10)["items"]
                    assert len(set(items["ids"])) == 10 and min(items["ids"]) >= 5000
                    number += 1
            except AssertionError as e:
                failures.append(e)
            client.close()

        thread = threading.Thread(target=work)
        thread.start()
        assert c.ok("compact")["vectors_removed"] == 5000
        ended.set()
        thread.join()
        assert not failures, failures[0]


class TestRun:
    def test_one_collection(self, make, client):
        c = make()
        fill(c, 5000)  # enough for a checkpoint to seal
        c.ok("checkpoint")
        c.ok("delete", ids=[1, 2, 3])
        status, answer = run(client, **c.names)
        assert status == 200, answer
        (report,) = answer["params"]["collections"]
        assert {k: report[k] for k in c.names} == c.names
        assert report["rows_removed"] == 3 <= report["versions_removed"]
        assert report["segments_before"] == report["segments_after"] == 1
        assert report["bytes_before"] > 0 < report["bytes_after"] and report["jobs"] >= 1
        assert answer["params"]["rows_removed"] == 3 and answer["params"]["wait"] is True

    def test_a_database_and_all(self, own_server, collection_on):
        server, database = own_server(), "d"
        collection_on(server, "a").ok("add", ids=[1], vectors=[[1]])
        b = collection_on(server, "b")
        b.ok("add", ids=[1, 2], vectors=[[1], [2]])
        b.ok("delete", ids=[1])
        client = server.client()
        client.post("/create_database", {"database_name": "e"})
        Collection(client, "e", "c").ok("required_collection")
        status, answer = run(client, database_name=database)
        assert status == 200, answer
        removed = {r["collection_name"]: r["rows_removed"] for r in answer["params"]["collections"]}
        assert removed == {"a": 0, "b": 1}
        status, answer = run(client)
        assert status == 200, answer
        reports = answer["params"]["collections"]
        names = {(r["database_name"], r["collection_name"]) for r in reports}
        assert names == {("d", "a"), ("d", "b"), ("e", "c")}
        client.close()

    def test_without_waiting(self, make, client):
        c = make()
        c.ok("add", ids=[1, 2], vectors=[[1], [2]])
        c.ok("delete", ids=[1])
        status, answer = run(client, **c.names, wait=False)
        assert status == 200 and answer["params"]["wait"] is False
        assert answer["params"]["collections"][0]["rows_removed"] == 0
        deadline = time.monotonic() + 30 * TIME_FACTOR
        while c.ok("is_id_exists", id=1)["is_id_exists"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert c.ok("is_id_exists", id=1)["is_id_exists"] is False

    @pytest.mark.parametrize(
        "body, status, text",
        [
            ({"database_name": "nowhere"}, 404, "Database not found: nowhere"),
            ({"database_name": "default", "collection_name": "n"}, 404, "Collection not found: n"),
            ({"collection_name": "c"}, 400, "collection_name needs database_name"),
            ({"database_name": 7}, 400, "database_name must be a string"),
            ({"wait": "x"}, 400, "wait must be true or false"),
            ({"keep_deleted": 0}, 400, "keep_deleted must be true or false"),
        ],
    )
    def test_refusals(self, client, body, status, text):
        got, answer = run(client, **body)
        assert got == status and text in answer["error"], answer

    def test_bodies_that_are_none(self, client):
        """A page of another origin can send these unasked, so none of them does anything."""
        json_type = {"Content-Type": "application/json"}
        for path in ("/compaction/run", "/jobs/1/cancel"):
            for body, headers in [
                (b"", {}),
                (b"", json_type),
                (b"{}", {"Content-Type": "text/plain"}),
                (b"[]", json_type),
                (b"{", json_type),
            ]:
                status, _, data = client.request("POST", path, body, headers)
                assert status == 400 and b'"code":"invalid_argument"' in data, (path, body, data)


def wait_for_job(client, state="running", seconds=30):
    deadline = time.monotonic() + seconds * TIME_FACTOR
    while time.monotonic() < deadline:
        for job in params(client, "/jobs")["jobs"]:
            if job["state"] == state:
                return job
        time.sleep(0.02)
    raise AssertionError(f"no job is {state}: {params(client, '/jobs')}")


class TestJobs:
    def test_finished_ones_are_listed(self, make, client):
        c = make()
        fill(c)
        c.ok("build_index", index_mode="HNSW-L2")
        mine = [
            j for j in params(client, "/jobs")["jobs"] if j["database_name"] == c.database
        ]
        assert mine and mine[0]["state"] == "done" and mine[0]["share"] == 1
        job = mine[0]
        assert job["kind"] in ("index", "merge", "purge", "rebuild") and job["rows"] == 3000
        assert job["collection_name"] == "c" and job["reason"] and job["message"] is None
        assert 0 < job["started_ms"] <= job["ended_ms"] and job["eta_ms"] is None
        assert params(client, f"/jobs/{job['id']}")["job"] == job

    @pytest.mark.parametrize(
        "method, path, status, text",
        [
            ("GET", "/jobs/987654321", 404, "Job not found: 987654321"),
            ("GET", "/jobs/x", 400, "id 'x' is no number"),
            ("GET", "/jobs/-1", 400, "id '-1' is no number"),
            ("GET", "/jobs/99999999999999999999", 400, "is no number"),
            ("POST", "/jobs/987654321/cancel", 404, ""),
            ("POST", "/jobs/x/cancel", 400, "id 'x' is no number"),
        ],
    )
    def test_refusals(self, client, method, path, status, text):
        body = b"{}" if method == "POST" else None
        got, _, data = client.request(method, path, body, {"Content-Type": "application/json"})
        assert got == status and text in json.loads(data)["error"], data

    def test_progress_and_cancel(self, own_server, collection_on):
        server = own_server("--compact-cpu-percent", "1")
        c = collection_on(server)
        fill(c, 30000)
        client, answers = server.client(), []

        def build():
            other = Collection(server.client(), "d", "c")
            answers.append(other.call("build_index", index_mode="HNSW-L2"))

        thread = threading.Thread(target=build)
        thread.start()
        job = wait_for_job(client)
        assert job["state"] == "running" and 0 <= job["share"] < 1 and job["ended_ms"] is None
        # Others are served meanwhile, and exactly.
        assert len(c.ok("search", vector=[0] * DIM)["items"]["ids"]) == 10
        assert params(client, "/compaction")["pid"] > 0
        text = client.request("GET", "/metrics")[2].decode()
        labels = f'job_id="{job["id"]}",database="d",collection="c",kind="{job["kind"]}"'
        assert re.search(
            r"^varve_compaction_job_progress_ratio\{" + labels + r',reason="[^"]+"\} [01]\.\d+$',
            text,
            re.MULTILINE,
        ), text
        assert re.search(r"^lynsedb_index_builds_in_progress 1$", text, re.MULTILINE)
        status, answer = client.post(f"/jobs/{job['id']}/cancel", {})
        assert (status, answer["params"]) == (200, {"id": job["id"]})
        thread.join(timeout=30 * TIME_FACTOR)
        assert answers and answers[0][0] == 499 and answers[0][1]["code"] == "cancelled", answers
        assert params(client, f"/jobs/{job['id']}")["job"]["state"] == "cancelled"
        assert params(client, "/compaction")["jobs_cancelled"] >= 1
        assert client.post(f"/jobs/{job['id']}/cancel", {})[0] == 404
        client.close()

    def test_a_stop_does_not_wait_for_a_build(self, own_server, collection_on):
        server = own_server("--compact-cpu-percent", "1", "--drain-timeout-secs", "4")
        c = collection_on(server)
        fill(c, 30000)
        other = Collection(server.client(), "d", "c")
        thread = threading.Thread(target=lambda: other.call("build_index", index_mode="HNSW-L2"))
        thread.start()
        client = server.client()
        wait_for_job(client)
        client.close()
        before = time.monotonic()
        assert server.stop() == 0, server.log_text()
        assert time.monotonic() - before < 20
        thread.join()
        server.start()
        c = Collection(server.client(), "d", "c")
        assert c.ok("index_mode")["index_mode"] == "HNSW-L2", "the choice is durable"
        assert c.ok("collection_shape")["shape"] == [30000, DIM]


def test_compaction_describes_itself(make, client):
    make().ok("compact")
    p = params(client, "/compaction")
    assert p["supervised"] is True and p["schedule"] is None
    assert p["settings"]["compact_fanout"] == 4 and p["settings"]["recall_target_percent"] == 95
    assert p["settings"]["backlog_rows_slow"] == 1000000
    assert "seal_rows" not in p["settings"]
    for key in (
        "restarts jobs_done jobs_refused jobs_failed jobs_cancelled rows_removed bytes_written "
        "bytes_removed backlog_rows backlog_segments index_bytes index_memory_bytes writes_delayed "
        "write_delay_ms"
    ).split():
        assert p[key] >= 0
    assert p["next_reason"] is None or p["next_reason"]


def test_metrics(make, client):
    c = make()
    fill(c)
    c.ok("build_index", index_mode="HNSW-L2")
    c.ok("delete", ids=[1])
    c.ok("compact")
    values = {}
    for line in client.request("GET", "/metrics")[2].decode().splitlines():
        if line and line[0] != "#":
            name, value = line.rsplit(" ", 1)
            assert name not in values, f"{name} comes twice"
            values[name] = float(value)
    assert values["varve_compaction_jobs_total{outcome=\"done\"}"] >= 1
    assert values["varve_compaction_rows_removed_total"] >= 1
    assert values["varve_compaction_bytes_written_total"] > 0
    assert values["varve_compactor_supervised"] == 1
    assert values["varve_storage_index_bytes"] == values["lynsedb_storage_index_bytes"] > 0
    assert "varve_compaction_backlog_rows" in values and "varve_index_memory_bytes" in values
    assert values["lynsedb_index_builds_total{status=\"completed\"}"] >= 1
    assert values["lynsedb_index_build_last_vectors"] > 0


class TestCompactorProcess:
    def test_it_is_started_again(self, own_server, collection_on):
        server = own_server()
        c = collection_on(server)
        client = server.client()
        deadline = time.monotonic() + 20 * TIME_FACTOR
        while not params(client, "/compaction")["pid"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        pid = params(client, "/compaction")["pid"]
        os.kill(pid, signal.SIGKILL)
        while params(client, "/compaction")["pid"] in (None, pid):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert params(client, "/compaction")["restarts"] >= 1
        fill(c)
        c.ok("build_index", index_mode="HNSW-L2")
        assert c.ok("stats", details=True)["stats"]["rows_indexed"] == 3000
        while "compactor_restarted" not in server.log_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        client.close()

    def test_it_ends_with_the_server(self, own_server):
        server = own_server()
        client = server.client()
        deadline = time.monotonic() + 20 * TIME_FACTOR
        while not params(client, "/compaction")["pid"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        pid = params(client, "/compaction")["pid"]
        client.close()
        server.kill()
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            try:
                if open(f"/proc/{pid}/stat").read().split()[2] == "Z":
                    break
            except FileNotFoundError:
                break
            time.sleep(0.02)
        assert time.monotonic() < deadline, "the compactor outlives its owner"
        server.start()

    def test_none_is_run_unless_needed(self, own_server, collection_on):
        server = own_server("--no-compactor")
        c = collection_on(server)
        client = server.client()
        time.sleep(0.5)
        p = params(client, "/compaction")
        assert p["supervised"] is False and p["pid"] is None
        fill(c)
        c.ok("build_index", index_mode="HNSW-L2")  # one is started for whoever waits
        assert c.ok("stats", details=True)["stats"]["rows_indexed"] == 3000
        client.close()

    def test_beside_an_owner(self, own_server, collection_on):
        owner = own_server()
        c = collection_on(owner)
        fill(c)
        c.ok("build_index", index_mode="HNSW-L2")
        reader = Server("--read-only", folder=owner.folder)
        try:
            client = reader.client()
            p = params(client, "/compaction")
            assert p["supervised"] is False and p["pid"] is None
            assert params(client, "/jobs") == {"jobs": []}
            r = Collection(client, "d", "c")
            assert len(r.ok("search", vector=[0] * DIM)["items"]["ids"]) == 10
            assert r.fails(403, "reading only", "compact")["code"] == "read_only"
            assert r.fails(403, "reading only", "build_index", index_mode="FLAT-L2")
            assert r.fails(403, "reading only", "remove_index")
            status, answer = client.post("/compaction/run", {})
            assert status == 403 and answer["code"] == "read_only"
            assert client.post("/jobs/1/cancel", {})[0] in (403, 404)
            assert client.request("GET", "/metrics")[0] == 200
            client.close()
        finally:
            reader.done()


class TestSettings:
    def fails(self, *flags):
        with pytest.raises(AssertionError) as failure:
            server = Server(*flags)
            server.done()
        return str(failure.value)

    def test_schedule(self, own_server):
        server = own_server("--compact-schedule", "30 3 * * *")
        client = server.client()
        assert params(client, "/compaction")["schedule"] == "30 3 * * *"
        client.close()

    @pytest.mark.parametrize("line", ["x", "61 * * * *", "* * * *", "* * * * * *", "0 0 32 1 *"])
    def test_wrong_schedule(self, line):
        assert f"schedule '{line}'" in self.fails("--compact-schedule", line)

    def test_a_compactor_that_cannot_be_started(self, own_server, collection_on, tmp_path):
        program = tmp_path / "no-compactor"
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        server = own_server("--no-compactor", "--compactor-path", str(program))
        c = collection_on(server)
        vectors = fill(c)
        for route, body in [("build_index", {"index_mode": "FLAT-L2-PQ"}), ("compact", {})]:
            answer = c.fails(503, "The compactor could not be started", route, **body)
            assert answer["code"] == "compactor_unavailable"
        assert "compactor ended with status 1" in server.log_text()
        assert c.ok("index_mode")["index_mode"] == "FLAT-L2-PQ"
        items = c.ok("search", vector=vectors[7].tolist(), k=1)["items"]
        assert items["ids"] == [7], "searched exactly meanwhile"

    def test_missing_program(self):
        assert "no-such-program" in self.fails("--compactor-path", "./no-such-program")
