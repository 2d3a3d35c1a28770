"""The S3 client against a server that is not ours and checks signatures (s3_real.py); skipped by
name where that cannot be had."""

import hashlib
import os
from pathlib import Path

import pytest
import s3_real
from conftest import Tool

MIB = 1 << 20


@pytest.fixture(name="swift", scope="module")
def swift_fixture(tmp_path_factory):
    home = os.environ.get("VARVE_S3_FOLDER") or tmp_path_factory.mktemp("packages")
    try:
        packages = s3_real.install(home)
    except s3_real.Unavailable as error:
        pytest.skip(f"s3real: {error}")
    server = s3_real.Swift(packages, tmp_path_factory.mktemp("swift"))
    yield server
    server.close()


@pytest.fixture(name="tool")
def tool_fixture(swift, request):
    return Tool(
        url=f"s3://{s3_real.BUCKET}/{request.node.name.replace('[', '-').replace(']', '')}",
        endpoint=swift.url, key=s3_real.ACCESS, secret=s3_real.SECRET, region=s3_real.REGION,
        wait_ms=20, attempts=6,
    )  # fmt: skip


def file_of(tmp_path, data):
    path = Path(tmp_path) / "data"
    path.write_bytes(data)
    return path


def test_put_get_range_stat_delete(tool, tmp_path):
    data = hashlib.shake_128(b"1").digest(300_000)
    tag = tool.ok("put", "a/b", file_of(tmp_path, data)).decode().strip()
    assert hashlib.md5(data).hexdigest() in tag
    assert tool.ok("get", "a/b") == data
    assert tool.ok("get", "a/b", 1000, 5000) == data[1000:6000]
    assert tool.ok("get", "a/b", 299_999) == data[-1:]
    assert tool.ok("get", "a/b", 300_000) == b""
    assert tool("get", "a/b", 299_999, 2).status == "CORRUPT"
    assert tool.ok("stat", "a/b").split()[0] == b"300000"
    tool.ok("put", "a/b", file_of(tmp_path, b""))
    assert tool.ok("get", "a/b") == b""
    tool.ok("delete", "a/b")
    tool.ok("delete", "a/b")
    assert tool("stat", "a/b").status == "NOT_FOUND" == tool("get", "a/b").status


def test_list_goes_on(tool, tmp_path):
    keys = [f"wal/{i:03}" for i in range(8)] + ["a-1", "a/1", "a.1", "z_Z-9."]
    path = file_of(tmp_path, b"xy")
    for key in keys:
        tool.ok("put", key, path)
    expected = [f"{key} 2" for key in sorted(keys)]
    assert len(expected) > 3 * s3_real.PAGE
    assert tool.ok("list", "").decode().splitlines() == expected
    assert tool.ok("list", "wal/", "wal/005").decode() == "wal/006 2\nwal/007 2\n"
    assert tool.ok("list", "none") == b""


def test_multipart(tool, tmp_path):
    data = hashlib.shake_128(b"2").digest(12 * MIB + 12345)
    path = file_of(tmp_path, data)
    tool.ok("put-file", "large", path, part_bytes=5 * MIB)
    assert hashlib.sha256(tool.ok("get", "large")).digest() == hashlib.sha256(data).digest()
    assert tool.ok("get", "large", 5 * MIB - 10, 20) == data[5 * MIB - 10 : 5 * MIB + 10]
    tool.ok("put-file", "large", path, part_bytes=5 * MIB)  # no conditions here: once more
    assert tool.ok("list", "").decode() == f"large {len(data)}\n"


def test_abilities(tool):
    assert tool.ok("abilities") == b"put_if_absent 0 put_if_tag 0 checks_sums 1\n"
    assert tool.ok("list", "") == b""


@pytest.mark.parametrize("verb", [["get", "k"], ["stat", "k"], ["list", ""], ["delete", "k"]])
def test_wrong_secret(tool, verb):
    result = tool(*verb, secret="Geheim")
    assert result.status == "IO" and "403" in result.err and "Geheim" not in result.err
    assert tool(*verb, key="nobody:none").status == "IO"


def test_wrong_secret_writes_nothing(tool, tmp_path):
    path = file_of(tmp_path, b"x")
    assert tool("put", "k", path, secret="Geheim").status == "IO"
    assert tool("put-file", "k", path, secret="Geheim").status == "IO"
    assert tool.ok("list", "") == b""


def test_virtual_host(tool, swift, tmp_path):
    endpoint = f"http://localhost:{swift.port}"
    result = tool("put", "k", file_of(tmp_path, b"x"), virtual_host=1, endpoint=endpoint)
    if result.code:  # the resolver does not know names below localhost
        assert "resolve" in result.err
    else:
        assert tool.ok("get", "k") == b"x"
