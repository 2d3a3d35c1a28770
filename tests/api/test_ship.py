"""Log numbers of writes; the log shipped into a repository by the server, and writes that wait for
it."""

import json
import re

ROW = {"ids": [1], "vectors": [[1, 0]]}


def send(c, route, body, headers=None):
    """(status, X-LSN or None, parsed answer)"""
    told = {"Content-Type": "application/json", **(headers or {})}
    data = json.dumps({**c.names, **body}).encode()
    status, answered, data = c.client.request("POST", "/" + route, data, told)
    lsn = answered["X-LSN"]
    return status, int(lsn) if lsn else None, json.loads(data)


def metric(client, name):
    text = client.request("GET", "/metrics")[2].decode()
    found = re.search(rf"^varve_{name} (\S+)$", text, re.M)
    assert found, name
    return float(found.group(1))


def test_every_write_has_its_log_number(make):
    c = make("c", dim=2)
    status, first, _ = send(c, "add", ROW)
    assert status == 200 and first > 0
    assert first <= metric(c.client, "log_sequence")
    status, second, _ = send(c, "delete", {"ids": [1]})
    assert status == 200 and second > first
    status, third, _ = send(c, "add", ROW)  # refused: the id was there
    assert status == 400 and third >= second
    lines = b'{"id":2,"vector":[0,1]}\n'
    status, headers, _ = c.raw("bulk", lines)
    assert status == 200 and int(headers["X-LSN"]) > second
    status, lsn, _ = send(c, "head", {"n": 1})
    assert status == 200 and lsn is None


def test_a_log_number_survives_a_kill(own_server, collection_on):
    server = own_server()
    c = collection_on(server, dim=2)
    status, lsn, _ = send(c, "add", ROW)
    assert status == 200
    server.kill()
    server.start()
    client = server.client()
    assert metric(client, "log_sequence") >= lsn
    client.close()
