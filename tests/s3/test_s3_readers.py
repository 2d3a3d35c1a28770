"""Credentials that may read alone: snapshots are listed, verified in full and restored; what has to
write says that it may not, and nothing has changed."""

import os

import pytest
from conftest import Tool

REPO_TOOL = os.environ.get("VARVE_REPO_TOOL", "repo_tool")


@pytest.fixture(name="tool")
def tool_fixture(scene):
    tool = Tool(REPO_TOOL, **scene.tool.options)
    scene.fake.page = 1000
    tool.ok("make", scene.folder / "data", 130)
    tool.ok("backup", scene.folder / "data", scene.folder / "state")
    scene.fake.denied = {"PUT", "POST", "DELETE"}
    return tool


def test_reads(scene, tool):
    before = scene.objects()
    tool.ok("verify", scene.folder / "scratch")
    tool.ok("restore", scene.folder / "restored")
    assert (scene.folder / "restored" / "FORMAT").is_file()
    assert scene.objects() == before


def test_writes(scene, tool):
    before = scene.objects()
    for arguments in (("prune", 1, 0), ("backup", scene.folder / "data", scene.folder / "state")):
        result = tool(*arguments)
        assert result.status == "READ_ONLY", result.err
    assert scene.objects() == before


def test_wrong_secret_is_no_reader(scene, tool):
    """Who is not known is refused, not taken for a reader."""
    scene.fake.keys = (scene.fake.keys[0], "another", scene.fake.keys[2])
    result = tool("verify", scene.folder / "scratch")
    assert result.status == "IO" and "SignatureDoesNotMatch" in result.err
