"""Hits through a reranker of the configuration: a real HTTP server on loopback, in all moods."""

import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path

import numpy
import pytest

from filters import fields, vectors
from reranker import Reranker, score
from server import PROGRAM, TIME_FACTOR, Client, Server, free_port
from test_vector_fields import sparse_rows

ROWS = 200
LIVE = {i: fields(i) for i in range(ROWS)}
KEY = "secret-of-the-reranker"
QUERY = "which river is it"
TIMEOUT_MS = 1000 * TIME_FACTOR


@pytest.fixture(scope="module")
def service():
    service = Reranker()
    yield service
    service.done()


@pytest.fixture(scope="module")
def server(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerank")
    (folder / "key").write_text(KEY + "\n")
    url, key = service.url, folder / "key"
    (folder / "varve.ini").write_text(
        f"""[server]
workers = 4

[reranker cross]
url = {url}
model = cross-1
key_file = {key}
timeout_ms = {TIMEOUT_MS}

[reranker small]
url = {url}
documents_max = 20
document_bytes_max = 16
reply_bytes_max = 4096
timeout_ms = {TIMEOUT_MS}

[reranker tight]
url = {url}
request_bytes_max = 1024
timeout_ms = {TIMEOUT_MS}

[reranker single]
url = {url}
calls_max = 1
timeout_ms = {10 * TIMEOUT_MS}

[reranker nobody]
url = http://127.0.0.1:{free_port()}/
"""
    )
    server = Server("--config", str(folder / "varve.ini"))
    yield server
    server.done()


@pytest.fixture
def c(server, service, collection_on):
    service.answer, service.requests = Reranker.scores, []
    c = collection_on(server)
    if c.ok("collection_shape")["shape"][0] == 0:
        c.ok("add", ids=list(LIVE), vectors=vectors(ROWS).tolist(), fields=list(LIVE.values()))
        c.ok("add_sparse_vectors", ids=list(LIVE), vectors=sparse(ROWS))
    return c


def sparse(n, seed=5):
    return [
        {"indices": list(row), "values": list(row.values())} for row in sparse_rows(n, seed=seed)
    ]


def texts(value):
    if isinstance(value, str):
        return [value]
    members = value.values() if isinstance(value, dict) else value
    return [t for m in members for t in texts(m)] if isinstance(value, (dict, list)) else []


def document(row):
    return "\n".join(t for t in texts(row) if t)


QUERY_VECTOR = vectors(1, seed=9)[0].tolist()
KINDS = {
    "search": {"vector": QUERY_VECTOR},
    "search_profile": {"vector": QUERY_VECTOR},
    "bm25_search": {"text": "river glass"},
    "text_search": {"text": "river glass"},
    "sparse_search": {"vector": sparse(1, seed=14)[0]},
    "hybrid_search": {"vector": QUERY_VECTOR, "text": "river glass", "candidate_limit": 200},
}


@pytest.mark.parametrize("route", KINDS)
def test_every_search(c, service, route):
    """The best `candidates` of the search, in the reranker's order; the rest behind them."""
    plain = c.ok(route, k=60, **KINDS[route])["items"]
    scores = dict(zip(plain["ids"], plain["scores"]))
    params = c.ok(route, k=30, rerank={"name": "cross", "query": QUERY, "candidates": 20},
                  **KINDS[route])
    items = params["items"]
    sent = [document(LIVE[i]) for i in plain["ids"][:20]]
    assert service.requests[-1][2] == {
        "query": QUERY, "model": "cross-1", "documents": sent, "top_n": 20
    }
    best = sorted(plain["ids"][:20], key=lambda i: -score(QUERY, document(LIVE[i])))
    assert items["ids"] == best + plain["ids"][20:30]
    numpy.testing.assert_allclose(items["scores"], [scores[i] for i in items["ids"]], rtol=1e-6)
    numpy.testing.assert_allclose(
        items["rerank_scores"][:20], [score(QUERY, document(LIVE[i])) for i in best]
    )
    assert items["rerank_scores"][20:] == [None] * (len(items["ids"]) - 20)
    assert params["warnings"] == []
    assert params["rerank"]["applied"] is True and params["rerank"]["documents"] == 20
    # k of the best of more
    few = c.ok(route, k=5, rerank={"name": "cross", "query": QUERY, "candidates": 20},
               **KINDS[route])
    assert few["items"]["ids"] == best[:5]
    some = c.ok(route, k=5, offset=3, rerank={"name": "cross", "query": QUERY, "candidates": 20},
                **KINDS[route])
    assert route == "search_profile" or some["items"]["ids"] == best[3:8]


def test_what_goes_out(c, service):
    """One POST to the URL of the configuration, with its key, and the fields asked for."""
    c.ok("search", vector=QUERY_VECTOR, k=3,
         rerank={"name": "cross", "query": 'quoted " \\ é', "fields": ["text", "group"]})
    (path, headers, asked), = service.requests
    assert path == "/v1/rerank" and headers["Authorization"] == "Bearer " + KEY
    assert headers["Content-Type"] == "application/json" and asked["query"] == 'quoted " \\ é'
    hits = c.ok("search", vector=QUERY_VECTOR, k=12)["items"]["ids"]
    assert asked["documents"] == [LIVE[i]["text"] + "\n" + LIVE[i]["group"] for i in hits]
    c.ok("bm25_search", text="river", k=3, rerank="cross")
    assert service.requests[-1][2]["query"] == "river", "that of the search unless given"
    c.ok("search", vector=QUERY_VECTOR, k=3, rerank={"name": "small", "query": QUERY})
    asked = service.requests[-1][2]
    assert "model" not in asked and "Authorization" not in service.requests[-1][1]
    assert all(len(d.encode()) <= 16 for d in asked["documents"])
    c.ok("search", vector=QUERY_VECTOR, k=50, rerank={"name": "tight", "query": QUERY})
    raw = json.dumps(service.requests[-1][2], ensure_ascii=False, separators=(",", ":"))
    assert len(raw.encode()) <= 1024 and len(service.requests[-1][2]["documents"]) > 2


def test_nested_fields_and_rows_without_text(server, collection_on, service):
    c = collection_on(server, name="nested")
    rows = [{"a": {"b": ["one", {"c": "two"}]}}, {"a.b": "dotted", "a": {"b": "not"}}, {"n": 1},
            {"a": [{"b": "x"}, {"b": "y"}]}, {"a": {"b": "cut é" + "é" * 20}, "n": 2**64 - 1}]
    c.ok("add", ids=list(range(5)), vectors=[[1]] * 5, fields=rows)
    service.answer, service.requests = Reranker.scores, []
    items = c.ok("search", vector=[1], k=5,
                 rerank={"name": "small", "query": "q", "fields": ["a.b"]})["items"]
    documents = service.requests[-1][2]["documents"]
    assert documents == ["one\ntwo", "dotted", "x\ny", "cut " + "é" * 6]
    assert items["ids"][4] == 2 and items["rerank_scores"][4] is None, "nothing to send: last"


def test_groups(c, service):
    plain = c.ok("hybrid_search", legs=[{"vector": QUERY_VECTOR, "limit": 50}], k=50)["items"]
    best = sorted(plain["ids"], key=lambda i: -score(QUERY, document(LIVE[i])))
    params = c.ok("hybrid_search", legs=[{"vector": QUERY_VECTOR, "limit": 50}], k=3,
                  group_by="group", group_size=2,
                  rerank={"name": "cross", "query": QUERY, "candidates": 50})
    groups = {}
    for i in best:
        groups.setdefault(LIVE[i]["group"], []).append(i)
    wanted = [i for g in list(groups)[:3] for i in groups[g][:2]]
    assert params["items"]["ids"] == wanted
    assert sum(len(r[2]["documents"]) for r in service.requests) == 50, "none is sent twice"


def test_its_cost_is_in_the_profile(c, service):
    service.answer = Reranker.after(0.05)
    rerank = {"name": "cross", "query": QUERY}
    profile = c.ok("search_profile", vector=QUERY_VECTOR, rerank=rerank)["profile"]
    assert profile["rerank_us"] >= 50000 and profile["total_us"] >= profile["rerank_us"]
    assert c.ok("search_profile", vector=QUERY_VECTOR)["profile"]["rerank_us"] == 0
    for route in ("bm25_search", "hybrid_search"):
        profile = c.ok(route, text="river", explain=True, rerank="cross")["profile"]
        assert profile["rerank_us"] >= 50000 > profile["search_us"]


FAILURES = {
    "slow": (lambda: Reranker.after(3 * TIMEOUT_MS / 1000), "cross", 504, "reranker_timeout",
             f"did not answer within {TIMEOUT_MS} ms"),
    "closed": (lambda: Reranker.closing, "cross", 502, "reranker_failed", "could not be reached"),
    "nobody": (lambda: Reranker.scores, "nobody", 502, "reranker_failed", "could not be reached"),
    "status": (lambda: Reranker.saying("{}", 500), "cross", 502, "reranker_failed", "status 500"),
    "redirect": (lambda: Reranker.saying("", 307, [("Location", "/elsewhere")]), "cross", 502,
                 "reranker_failed", "status 307"),
    "too large": (lambda: Reranker.saying(" " * 5000), "small", 502, "reranker_failed",
                  "more than 4096 bytes, its reply_bytes_max"),
}
NONSENSE = {
    "no JSON": "<html>",
    "nothing": "",
    "a list": "[]",
    "no results": '{"result": []}',
    "results of another kind": '{"results": {}}',
    "no object": '{"results": [1]}',
    "no index": '{"results": [{"relevance_score": 1}]}',
    "index beyond": '{"results": [{"index": 99, "relevance_score": 1}]}',
    "index below": '{"results": [{"index": -1, "relevance_score": 1}]}',
    "index twice": '{"results": [{"index": 0, "relevance_score": 1}, '
                   '{"index": 0, "relevance_score": 2}]}',
    "no score": '{"results": [{"index": 0}]}',
    "score of another kind": '{"results": [{"index": 0, "relevance_score": "1"}]}',
    "score beyond double": '{"results": [{"index": 0, "relevance_score": 1e999}]}',
    "cut": '{"results": [{"index": 0, "relevance_score": 1}',
}
for name, text in NONSENSE.items():
    FAILURES[name] = (lambda text=text: Reranker.saying(text), "cross", 502, "reranker_failed",
                      "did not answer {")


@pytest.mark.parametrize("mood", FAILURES)
def test_failures(c, service, server, mood):
    answer, name, status, code, text = FAILURES[mood]
    service.answer = answer()
    rerank = {"name": name, "query": QUERY}
    began = time.monotonic()
    error = c.fails(status, text, "search", vector=QUERY_VECTOR, rerank=rerank)
    assert time.monotonic() - began < 2.5 * TIMEOUT_MS / 1000
    assert error["code"] == code and f"'{name}'" in error["error"]
    assert len([r for r in service.requests if r[0] != "/v1/rerank"]) == 0
    for secret in (KEY, "127.0.0.1", str(service.port)):
        assert secret not in json.dumps(error)
    plain = c.ok("search", vector=QUERY_VECTOR)["items"]
    params = c.ok("search", vector=QUERY_VECTOR, rerank={**rerank, "on_error": "skip"})
    assert params["items"]["ids"] == plain["ids"] and params["items"]["scores"] == plain["scores"]
    assert params["items"]["rerank_scores"] == [None] * 10
    assert params["rerank"]["applied"] is False
    warning, = params["warnings"]
    assert text in warning and f"'{name}'" in warning and KEY not in warning


def test_fewer_results_than_documents(c, service):
    service.answer = Reranker.saying(
        '{"results": [{"index": 7, "relevance_score": -1}, {"index": 2, "relevance_score": 3}]}'
    )
    plain = c.ok("search", vector=QUERY_VECTOR)["items"]["ids"]
    items = c.ok("search", vector=QUERY_VECTOR, rerank={"name": "cross", "query": QUERY})["items"]
    rest = [i for i in plain if i not in (plain[2], plain[7])]
    assert items["ids"] == [plain[2], plain[7]] + rest
    assert items["rerank_scores"] == [3, -1] + [None] * 8
    service.answer = Reranker.saying('{"results": []}')
    items = c.ok("search", vector=QUERY_VECTOR, rerank={"name": "cross", "query": QUERY})["items"]
    assert items["ids"] == plain


WRONG = [
    ({"name": "other", "query": "q"}, "no reranker 'other' is configured on this server"),
    ({"name": "http://127.0.0.1:1/", "query": "q"}, "no reranker 'http://127.0.0.1:1/'"),
    ({"name": "cross", "query": "q", "url": "http://127.0.0.1:1/"}, "no 'url'"),
    ({"name": "cross", "query": "q", "headers": {}}, "no 'headers'"),
    ({"query": "q"}, "missing field `name`"),
    ({"name": 7, "query": "q"}, "name must be a string"),
    ({"name": "cross"}, "needs a query that is not blank"),
    ({"name": "cross", "query": " "}, "needs a query that is not blank"),
    ({"name": "cross", "query": 1}, "query must be a string"),
    ({"name": "cross", "query": "q", "fields": "text"}, "array of strings"),
    ({"name": "cross", "query": "q", "fields": []}, "array of strings"),
    ({"name": "cross", "query": "q", "fields": [1]}, "fields[0] must be a string"),
    ({"name": "cross", "query": "q", "candidates": 0}, "must be from 1 to 100"),
    ({"name": "cross", "query": "q", "candidates": 101}, "the documents_max of 'cross'"),
    ({"name": "cross", "query": "q", "on_error": "ignore"}, '"fail" or "skip"'),
    ([], "rerank must be a name"),
    (1, "rerank must be a name"),
]


@pytest.mark.parametrize("rerank, text", WRONG, ids=[w[1] for w in WRONG])
def test_arguments(c, service, rerank, text):
    c.fails(400, text, "search", vector=QUERY_VECTOR, rerank=rerank)
    assert service.requests == [], "nothing was called"


def test_routes_without_it_say_so(c):
    for route, body in (
        ("batch_search", {"vectors": [QUERY_VECTOR]}),
        ("search_range", {"vector": QUERY_VECTOR, "threshold": 0}),
    ):
        c.fails(400, "does not rerank", route, rerank="cross", **body)
        c.ok(route, rerank=None, **body)


def test_off_by_default(make):
    c = make()
    c.ok("add", ids=[1], vectors=[[1]])
    c.fails(400, "no reranker 'cross' is configured", "search", vector=[1],
            rerank={"name": "cross", "query": "q"})
    assert "rerank" not in c.ok("search", vector=[1]) and "rerank_scores" not in c.ok(
        "search", vector=[1])["items"]


def test_calls_at_a_time(c, server, service):
    """One slow reranker does not hold every thread: more calls than calls_max are refused."""
    service.began.clear()
    service.answer = Reranker.after(1)
    rerank = {"name": "single", "query": QUERY}
    other = server.client()
    body = {**c.names, "vector": QUERY_VECTOR, "rerank": rerank}
    answers = []
    thread = threading.Thread(target=lambda: answers.append(other.post("/search", body)))
    thread.start()
    assert service.began.wait(10 * TIME_FACTOR)
    error = c.fails(503, "is busy with 1 calls", "search", vector=QUERY_VECTOR, rerank=rerank)
    assert error["code"] == "reranker_busy"
    thread.join()
    other.close()
    assert answers[0][0] == 200
    c.ok("search", vector=QUERY_VECTOR, rerank=rerank)


def test_the_log(c, server, service):
    """Names the reranker and why it failed, also where the search went on; never the key."""
    service.answer = Reranker.saying("{}", 418)
    c.fails(502, "status 418", "search", vector=QUERY_VECTOR,
            rerank={"name": "cross", "query": "secret question"})
    c.ok("search", vector=QUERY_VECTOR,
         rerank={"name": "nobody", "query": "secret question", "on_error": "skip"})
    deadline = time.monotonic() + 10 * TIME_FACTOR
    while True:
        server.log.flush()
        text = Path(server.log.name).read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        said = [line for line in lines if "Reranker" in line.get("error", "")]
        if any("418" in s["error"] for s in said) and any("nobody" in s["error"] for s in said):
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert KEY not in text and "secret question" not in text


# ---- the configuration


def refused(tmp_path, text, suffix="ini"):
    """Standard error of a server that does not start."""
    config = tmp_path / f"varve.{suffix}"
    config.write_text(text)
    run = subprocess.run(
        [PROGRAM, "--data-dir", str(tmp_path / "data"), "--port", "0", "--config", str(config)],
        capture_output=True, text=True, timeout=30 * TIME_FACTOR,
    )
    assert run.returncode == 2, run.stderr
    assert KEY not in run.stderr + run.stdout
    return run.stderr


@pytest.mark.parametrize(
    "lines, text",
    [
        ("timeout_ms = 5", "url must be http://host"),
        ("url = ftp://host/x", "url must be http://host"),
        ("url = file:///etc/passwd", "url must be http://host"),
        ("url = http://", "url must be http://host"),
        (f"url = http://user:{KEY}@host/", "without a user"),
        ("url = http://host/\ntimeout_ms = 0", "line 3: timeout_ms of reranker 'x' is '0'"),
        ("url = http://host/\nspeed = 1", "unknown key 'speed' of reranker 'x'"),
        (f"url = http://host/\nkey = {KEY}", "stands in key_env or key_file"),
        ("url = http://host/\nkey_env = NOT_THERE_AT_ALL", "no environment variable NOT_THERE"),
        ("url = http://host/\nkey_file = /nowhere/at/all", "/nowhere/at/all"),
        ("url = http://host/\nkey_file = a\nkey_env = b", "are both set"),
        ("url = http://host/\n[reranker x]\nurl = http://host/", "is there twice"),
        ("url = http://host/\n[reranker a b]\nurl = http://host/", "and not 'a b'"),
        ("url = http://host/\n[reranker ü]\nurl = http://host/", "and not 'ü'"),
    ],
)
def test_settings_refused(tmp_path, lines, text):
    assert text in refused(tmp_path, f"[reranker x]\n{lines}\n")


def test_settings_as_json(own_server, collection_on, tmp_path, service):
    (tmp_path / "varve.json").write_text(
        json.dumps({"server": {"workers": 3, "rerankers": {"json": {"url": service.url}}}})
    )
    service.answer, service.requests = Reranker.scores, []
    c = collection_on(own_server("--config", str(tmp_path / "varve.json")))
    c.ok("add", ids=[1, 2], vectors=[[1], [2]], fields=[{"t": "a"}, {"t": "b"}])
    assert c.ok("search", vector=[1], rerank={"name": "json", "query": "q"})["rerank"]["applied"]
    for text, said in (
        ({"rerankers": []}, "must be a JSON object"),
        ({"rerankers": {"x": 1}}, "reranker 'x' must be a JSON object"),
        ({"rerankers": {"x": {}}}, "url must be"),
        ({"rerankers": {"x": {"url": "http://h/", "timeout_ms": -1}}}, "timeout_ms of reranker"),
    ):
        assert said in refused(tmp_path, json.dumps(text), "json")


def test_certificates_are_checked(own_server, collection_on, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    service = Reranker(tls)
    (tmp_path / "varve.ini").write_text(
        f"[reranker unknown]\nurl = {service.url}\n"
        f"[reranker known]\nurl = {service.url}\nca_file = {cert}\n"
        f"[reranker other]\nurl = {service.url.replace('127.0.0.1', 'localhost')}\n"
        f"ca_file = {cert}\n"
    )
    c = collection_on(own_server("--config", str(tmp_path / "varve.ini")))
    c.ok("add", ids=[1, 2], vectors=[[1], [2]], fields=[{"t": "a"}, {"t": "b"}])
    for name in ("unknown", "other"):
        c.fails(502, "TLS failed", "search", vector=[1], rerank={"name": name, "query": "q"})
    assert service.requests == []
    found = c.ok("search", vector=[1], rerank={"name": "known", "query": "q"})
    assert found["rerank"]["applied"]
    service.done()


def test_no_proxy_of_the_environment(tmp_path, service):
    """http_proxy would send the documents elsewhere."""
    proxy = Reranker()
    (tmp_path / "varve.ini").write_text(f"[reranker x]\nurl = {service.url}\n")
    port = free_port()
    env = {**os.environ, "http_proxy": proxy.url, "no_proxy": ""}
    process = subprocess.Popen(
        [PROGRAM, "--data-dir", str(tmp_path / "data"), "--port", str(port), "--config",
         str(tmp_path / "varve.ini")],
        env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20 * TIME_FACTOR
        while True:
            try:
                client = Client(port)
                client.get("/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        service.answer, service.requests = Reranker.scores, []
        names = {"database_name": "d", "collection_name": "c"}
        for route, body in (
            ("create_database", {}),
            ("required_collection", {}),
            ("add", {"ids": [1], "vectors": [[1]], "fields": [{"t": "a"}]}),
            ("search", {"vector": [1], "rerank": {"name": "x", "query": "q"}}),
        ):
            assert client.post("/" + route, {**names, **body})[0] == 200
        assert len(service.requests) == 1 and proxy.requests == []
        client.close()
    finally:
        process.terminate()
        process.wait(timeout=30 * TIME_FACTOR)
        proxy.done()
