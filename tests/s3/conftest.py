"""The fake store of a test, and the tool that drives the real client against it."""

import os
import subprocess
from pathlib import Path

import pytest
from s3_fake import Fake, serve

TOOL = os.environ.get("VARVE_REMOTE_TOOL", "remote_tool")


class Result:
    def __init__(self, done):
        self.code, self.out = done.returncode, done.stdout
        self.err = done.stderr.decode()
        self.status = self.err.partition(":")[0] if self.code else "OK"


class Tool:
    """Runs remote_tool, or another, with options that stay."""

    def __init__(self, program=TOOL, **options):
        self.program, self.options = program, options
        self.results = []

    def __call__(self, *arguments, **options):
        named = [f"{n.replace('_', '-')}={v}" for n, v in {**self.options, **options}.items()]
        done = subprocess.run(
            [self.program, *named, *map(str, arguments)], capture_output=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        self.results.append(Result(done))
        return self.results[-1]

    def ok(self, *arguments, **options):
        result = self(*arguments, **options)
        assert result.code == 0, result.err
        return result.out


class Scene:
    """A fake, its server, and a tool with credentials in a file."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.fake = Fake()
        self.server = serve(self.fake)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.credentials = self.folder / "credentials"
        self.tool = Tool(
            url="s3://bucket/some/prefix", endpoint=self.url, credentials=self.credentials,
            wait_ms=1, wait_max_ms=20, request_ms=400, attempts=5,
        )  # fmt: skip
        self.generation = 0
        self.reset()

    def reset(self):
        self.fake.reset()
        self.fake.rotate = self.rotate
        self.rotate()

    def rotate(self):
        """New credentials, as an expired session token calls for."""
        self.generation += 1
        n = self.generation
        self.fake.keys = (f"AKIAFAKE{n}", f"fake/secret+key{n}", f"fake//token=={n}")
        access, secret, token = self.fake.keys
        self.credentials.write_text(
            "# a comment\n[other]\naws_access_key_id = WRONG\n\n[default]\n"
            f"aws_access_key_id = {access}\naws_secret_access_key={secret}\n"
            f"  aws_session_token =  {token}  \nregion = nowhere\n",
            encoding="utf-8",
        )

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def objects(self):
        prefix = "some/prefix/"
        return {k.removeprefix(prefix): o.data for k, o in self.fake.objects.items()}

    def close(self):
        self.fake.stopping.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(name="scene")
def scene_fixture(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    scene.close()
