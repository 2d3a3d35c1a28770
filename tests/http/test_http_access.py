"""Who may do what, what the log keeps to itself, and how the gateway is configured.

    VARVE_GATEWAY=build/varve-gateway python3 tests/http/test_http_access.py
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from gateway import MIB, PROGRAM, Gateway, SharedGateway, post_head  # noqa: E402

KEY = "k3y-with-\"quotes\"-and-spaces in it"


class Keys(SharedGateway):
    environment = {"VARVE_API_KEY": KEY}

    @staticmethod
    def basic(pair):
        return "Authorization: Basic " + base64.b64encode(pair.encode()).decode() + "\r\n"

    def test_every_route_by_every_key(self):
        right = [f"Authorization: Bearer {KEY}\r\n", self.basic(f"anybody:{KEY}"),
                 self.basic(f":{KEY}")]
        wrong = ["", "Authorization: Bearer wrong\r\n", f"Authorization: Bearer {KEY}x\r\n",
                 f"Authorization: Bearer {KEY[:-1]}\r\n", f"Authorization: bearer {KEY}\r\n",
                 f"Authorization: Bearer  {KEY}\r\n", self.basic("a:wrong"), self.basic(KEY),
                 "Authorization: Basic !!!!\r\n", "Authorization: Bearer \r\n"]
        document = self.gateway.get("/openapi.json", right[0]).json()
        opened = {"/", "/healthz", "/readyz"}
        refusal = {"error": "Unauthorized", "code": "unauthorized"}
        with self.gateway.connect() as c:
            for path in [*document["paths"], "/unknown", "/healthz/", "/healthz%2f"]:
                for header in right + wrong:
                    if path == "/checkpoint" and header in right:
                        continue
                    c.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n")
                    reply = c.reply()
                    refused = path not in opened and header in wrong
                    self.assertEqual(reply.status == 401, refused, (path, header, reply))
                    if refused:
                        self.assertEqual(reply.json(), refusal)
                        self.assertIn("Basic realm=", reply.headers["www-authenticate"])

    def test_refused_before_any_byte_of_the_body(self):
        with self.gateway.connect() as c:
            c.send(post_head("/search", 1 << 30))
            self.assertEqual(c.reply().status, 401)
            self.assertTrue(c.is_closed())

    def test_log_holds_no_key_and_no_raw_controls(self):
        with self.gateway.connect() as c:
            c.send(f"GET /a%0d%0a%1b[31m\"\\ HTTP/1.1\r\nHost: x\r\nUser-Agent: zz{KEY}\r\n\r\n")
            c.reply()
        self.gateway.get("/x?api_key=" + "s3cret", f"Authorization: Bearer {KEY}\r\n")
        time.sleep(0.3)
        log = self.gateway.log()
        self.assertNotIn(KEY, log)
        self.assertNotIn(json.dumps(KEY)[1:-1], log)
        self.assertNotIn("s3cret", log)
        self.assertFalse(re.search(r"[\x00-\x09\x0b-\x1f\x7f]", log))
        events = {line["event"] for line in self.gateway.log_lines()}
        self.assertLessEqual({"listening", "http_request", "audit"}, events)
        self.assertTrue(all(len(line) < 2048 for line in log.splitlines()))


class Configuration(unittest.TestCase):
    def run_with(self, *flags, environment=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("VARVE_", "LYNSE_"))}
        done = subprocess.run([PROGRAM, *flags], env={**clean, **(environment or {})}, timeout=20,
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def test_mistakes_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            def file(name, text):
                path = os.path.join(folder, name)
                Path(path).write_text(text)
                return path
            cases = [
                (["--no-such-flag"], {}, "--no-such-flag"),
                (["--port"], {}, "--port"), (["--port", "70000"], {}, "70000"),
                (["--port=abc"], {}, "abc"), (["--no-port"], {}, "--no-port"),
                (["serve"], {}, "serve"),
                (["--audit-log=maybe"], {}, "maybe"), (["--log-level", "loud"], {}, "loud"),
                (["--max-top-k", "-1"], {}, "max_top_k"),
                ([], {"VARVE_PORT": "7x"}, "VARVE_PORT"), ([], {"LYNSE_PORT": "7y"}, "LYNSE_PORT"),
                ([], {"LYNSE_MAX_TOP_K": "many"}, "LYNSE_MAX_TOP_K"),
                (["--config", os.path.join(folder, "none.ini")], {}, "none.ini"),
                (["--config", file("a.ini", "[server]\nport = 1\ncolour = red\n")], {}, "line 3"),
                (["--config", file("b.ini", "[server]\nport = x\n")], {}, "'x'"),
                (["--config", file("c.ini", "port = 1\n")], {}, "section"),
                (["--config", file("d.json", '{"server": {"port": 1.5}}')], {}, "port"),
                (["--config", file("e.json", '{"colour": 1}')], {}, "colour"),
                (["--config", file("f.json", '{"port": 1')], {}, "line"),
                (["--api-key", "a", "--api-key-file", file("key", "b\n")], {}, "api_key_file"),
                (["--host", "0.0.0.0", "--data-dir", folder], {}, "api_key"),
                (["--host", "no such host"], {}, "no such host"),
            ]
            for flags, environment, text in cases:
                code, _, error = self.run_with(*flags, environment=environment)
                self.assertEqual(code, 2, (flags, environment, error))
                self.assertIn(text, error, flags)

    def test_folder_that_others_write(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o770)
            code, _, error = self.run_with("--data-dir", folder, "--port", "0")
            self.assertEqual(code, 2)
            self.assertIn("chmod", error)

    def test_help_and_version(self):
        code, text, _ = self.run_with("--help")
        self.assertEqual(code, 0)
        for wanted in ("--json-limit-mb", "--seal-rows", "LYNSE_SERVER_WORKERS",
                       "--[no-]audit-log"):
            self.assertIn(wanted, text)
        self.assertEqual(self.run_with("--version")[0], 0)

    def test_order_of_sources(self):
        """A flag beats the environment, which beats the file; each shows in the limit of a body."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s.ini")
            Path(path).write_text("[DEFAULT]\njson_limit_mb = 9\n[server]\njson-limit-mb = 3\n"
                                  "[x]\ny = z\n")
            for flags, environment, limit in (
                    ((), {}, 3), ((), {"LYNSE_JSON_LIMIT_MB": "2"}, 2),
                    ((), {"LYNSE_JSON_LIMIT_MB": "2", "VARVE_JSON_LIMIT_MB": "4"}, 4),
                    (("--json_limit_mb=1",), {"VARVE_JSON_LIMIT_MB": "4"}, 1)):
                gateway = Gateway("--config", path, *flags, environment=environment)
                try:
                    with gateway.connect() as c:
                        c.send(post_head("/search", limit * MIB + 1))
                        self.assertIn(f"limit of {limit} MiB", c.reply().json()["error"])
                finally:
                    self.assertEqual(gateway.stop(), 0)

    def test_key_on_the_command_line_is_blotted_out(self):
        gateway = Gateway("--api-key", "s3cret-on-argv")
        try:
            line = Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()
            self.assertNotIn(b"s3cret", line)
            self.assertEqual(gateway.get("/metrics").status, 401)
        finally:
            gateway.stop()


if __name__ == "__main__":
    unittest.main(verbosity=1)
