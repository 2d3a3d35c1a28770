"""What the gateway does with bad, slow, greedy and vanishing clients. Speaks raw HTTP to the
program named by VARVE_GATEWAY; ends by itself within a minute.

    VARVE_GATEWAY=build/varve-gateway python3 tests/http/test_http_robustness.py
"""
import random
import re
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from gateway import MIB, Gateway, SharedGateway, chunk, chunked_head, post, post_head  # noqa: E402

BULK = "/bulk?database_name=default&create=true&dim=2&collection_name=streamed"


class Basics(SharedGateway):
    flags = ("--json-limit-mb", "1", "--payload-limit-mb", "2")

    def test_health_and_headers(self):
        first, second = self.gateway.get("/healthz"), self.gateway.get("/readyz")
        self.assertEqual((first.status, first.json()), (200, {"status": "ok"}))
        self.assertEqual(second.status, 200)
        self.assertEqual(second.json()["status"], "ready")
        self.assertEqual(first.headers["x-content-type-options"], "nosniff")
        self.assertNotIn("server", first.headers)
        self.assertEqual(first.headers["connection"], "close")
        self.assertGreater(int(second.headers["x-request-id"]), int(first.headers["x-request-id"]))

    def test_description_and_unknown_routes(self):
        document = self.gateway.get("/openapi.json").json()
        self.assertEqual(document["openapi"], "3.0.3")
        self.assertIn("/search", document["paths"])
        with self.gateway.connect() as c:
            for path, methods in document["paths"].items():
                for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                    if method.lower() in methods:
                        continue
                    c.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")
                    reply = c.reply()
                    self.assertEqual((reply.status, reply.body), (404, b""), (method, path))
                    self.assertIn("x-request-id", reply.headers)
            for path in ("/nothing", "/search/", "//search", "/%73earch", "/search/x", "/SEARCH"):
                c.send(post(path, "{}"))
                self.assertEqual((c.reply().status, path), (404, path))

    def test_metrics_text(self):
        self.gateway.get("/healthz")
        line = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|'
                          r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+)$')
        text = self.gateway.get("/metrics").body.decode()
        for each in text.splitlines():
            self.assertRegex(each, line)
        for wanted in ("lynsedb_up 1", "varve_up 1", "varve_http_connections 1",
                       'varve_http_requests_total{route="/healthz",method="GET",status_class="2xx"',
                       'lynsedb_http_request_duration_seconds_bucket{le="+Inf"}'):
            self.assertIn("\n" + wanted, "\n" + text)
        families = re.findall(r"# TYPE (\S+)", text)
        self.assertEqual(len(families), len(set(families)))

    def test_pipelining(self):
        with self.gateway.connect() as c:
            c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + post("/nothing", "abc") * 5)
            replies = [c.reply() for _ in range(25)]
            self.assertEqual([r.status for r in replies], [200] * 20 + [404] * 5)
            ids = [int(r.headers["x-request-id"]) for r in replies]
            self.assertEqual(ids, sorted(set(ids)))

    def test_one_byte_at_a_time(self):
        with self.gateway.connect() as c:
            for byte in post("/is_collection_exists", "{}"):
                c.send(byte)
                time.sleep(0.002)
            self.assertIn(c.reply().status, (200, 400))

    def test_too_large_is_answered_before_the_body(self):
        for path, size in (("/search", MIB + 1), ("/search_binary", 2 * MIB + 1), ("/healthz", 1),
                           ("/search", 1 << 62)):
            method = "GET" if path == "/healthz" else "POST"
            with self.gateway.connect() as c:
                c.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n")
                reply = c.reply()
                self.assertEqual(reply.status, 413, path)
                self.assertEqual(reply.json()["code"], "payload_too_large")
                self.assertTrue(c.is_closed())

    def test_expect_continue_is_not_asked_for_what_is_refused(self):
        with self.gateway.connect() as c:
            c.send(f"POST /search HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                   f"Content-Length: {2 * MIB}\r\n\r\n")
            c.more()
            self.assertTrue(c.bytes.startswith(b"HTTP/1.1 413"), c.bytes)

    def test_too_large_in_chunks(self):
        with self.gateway.connect() as c:
            c.send(chunked_head("/search"))
            c.send(chunk(b" " * MIB))
            time.sleep(0.1)
            c.send(chunk(b" "))
            self.assertEqual(c.reply().status, 413)
            self.assertTrue(c.is_closed())

    def test_refused_client_that_goes_on_sending_still_reads_the_answer(self):
        with self.gateway.connect() as c:
            c.send(post_head("/search", 64 * MIB))
            for _ in range(64):
                c.send(b" " * MIB)
            self.assertEqual(c.reply().status, 413)

    def test_long_targets_and_headers(self):
        many = "".join(f"X-{i}: y\r\n" for i in range(101))
        for head, status in (("GET /" + "a" * 8192 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                             ("GET / HTTP/1.1\r\nHost: x\r\n" + many + "\r\n", 431),
                             ("GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 16384 + "\r\n\r\n", 431),
                             ("GET / HTTP/1.1\r\nHost: x\r\nX: " + "y" * 200000 + "\r\n\r\n", 431)):
            with self.gateway.connect() as c:
                c.send(head)
                self.assertEqual(c.reply().status, status)
                self.assertTrue(c.is_closed())
        self.assert_alive()

    def test_malformed(self):
        bad = [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabc",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity\r\n\r\nabc",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
            "Content-Length: -1\r\n\r\n", "Content-Length: +3\r\n\r\nabc",
            "Content-Length: 0x3\r\n\r\nabc", "Content-Length: 3 3\r\n\r\nabc",
            "Content-Length: 3, 3\r\n\r\nabc", "Content-Length:\r\n\r\nabc",
            "Content-Length: 99999999999999999999999\r\n\r\nabc",
            "Content-Length : 3\r\n\r\nabc", "Host: y\r\n\r\n", "X Y: z\r\n\r\n", " X: z\r\n\r\n",
            "X: a\x1b[31mb\r\n\r\n",
        ]
        lines = ["GET /%zz HTTP/1.1\r\n", "GET /%0 HTTP/1.1\r\n",
                 "GET /?a=%00 HTTP/1.1\r\n", "GET http://x/ HTTP/1.1\r\n", "GET * HTTP/1.1\r\n",
                 "GET /\xff HTTP/1.1\r\n", "GET / HTTP/9.9\r\n", "GET / FTP/1.1\r\n", "GET /\r\n",
                 "\x16\x03\x01\x02\x00\x01\r\n", "GET / HTTP/1.1\r\nno colon here\r\n"]
        requests = ["POST /search HTTP/1.1\r\nHost: x\r\n" + rest for rest in bad]
        requests += [line + "Host: x\r\n\r\n" for line in lines] + ["POST /search HTTP/1.1\r\n\r\n"]
        for request in requests:
            with self.gateway.connect(timeout=5) as c:
                c.send(request + "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                reply = c.reply()
                self.assertIn(reply and reply.status, (None, 400, 413, 414, 431, 501, 505),
                              (request, reply))
                self.assertTrue(c.is_closed(), request)
                # The library below answers some of these itself, and writes its head twice.
                self.assertNotIn(b"HTTP/1.1 200", c.bytes, request)
        self.assert_alive()

    def test_bad_chunks(self):
        for body in ("zz\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
                     "ffffffffffffffffff\r\nabc", "\r\n\r\n"):
            with self.gateway.connect(timeout=5) as c:
                c.send(chunked_head("/search") + body)
                reply = c.reply()
                self.assertTrue(reply is None or 400 <= reply.status < 500, (body, reply))
                self.assertTrue(c.is_closed(), body)
        self.assert_alive()

    @staticmethod
    def damaged(rng, text):
        data = bytearray(text.encode())
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data) + 1)
            choice = rng.randrange(3)
            if choice == 0:
                data[at:at + 1] = bytes([rng.randrange(256)])
            elif choice == 1:
                del data[at:at + rng.randint(1, 8)]
            else:
                odd = b"\r\n: \x00%/?&=;,\t09azAZ\xff"
                data[at:at] = bytes(rng.choices(odd, k=rng.randint(1, 8)))
        return bytes(data)

    def test_random_damage(self):
        rng = random.Random(7)
        seeds = [post("/search", '{"database_name":"default","collection_name":"c"}'),
                 "GET /head_binary?database_name=default&collection_name=c&n=3 HTTP/1.1\r\n"
                 "Host: x\r\n\r\n",
                 chunked_head("/search") + "2\r\n{}\r\n0\r\n\r\n"]
        for _ in range(4):
            requests = [self.damaged(rng, rng.choice(seeds)) for _ in range(200)]
            connections = [self.gateway.connect() for _ in requests]
            for c, request in zip(connections, requests):
                c.send(request)
                c.socket.shutdown(1)
            for c, request in zip(connections, requests):
                reply = c.reply()
                self.assertFalse(reply and reply.status == 500, (request, reply))
                c.close()
        self.assert_alive()

    def test_clients_that_vanish(self):
        for request in (post("/search", "x" * 1000)[:-500], post(BULK, "x" * 1000)[:-500],
                        "GET /healthz HTTP/1.1\r\nHo", post("/search", "{}"),
                        chunked_head(BULK) + "3\r\nab"):
            for _ in range(20):
                with self.gateway.connect() as c:
                    c.send(request)
        deadline = time.monotonic() + 5
        while self.gateway.metric("varve_http_connections") > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.gateway.metric("varve_http_connections"), 1)
        self.assertEqual(self.gateway.metric("varve_http_requests_running"), 1)
        self.assertEqual(self.gateway.metric("varve_http_body_memory_bytes"), 0)

    def test_answer_in_the_middle_of_a_stream(self):
        with self.gateway.connect() as c:
            c.send(chunked_head(BULK))
            c.send(chunk(b"this is no row\n"))  # and no end: the client waits for us
            reply = c.reply()
            self.assertEqual(reply.status, 400)
            self.assertIn("error", reply.json())
            self.assertTrue(c.is_closed())

    def test_stream_with_pauses(self):
        row = b'{"id":%d,"vector":[1,2]}\n'
        with self.gateway.connect() as c:
            c.send(chunked_head(BULK + "2&mode=upsert"))
            for i in range(50):
                c.send(chunk(b"".join(row % (i * 100 + j) for j in range(100))))
                if i % 10 == 0:
                    time.sleep(0.02)
            c.send(b"0\r\n\r\n")
            self.assertEqual(c.reply().status, 200)
            c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # still usable
            self.assertEqual(c.reply().status, 200)

    def test_two_thousand_connections(self):
        before = self.gateway.open_files()
        connections = [self.gateway.connect() for _ in range(2000)]
        try:
            for c in connections:
                c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual({c.reply().status for c in connections}, {200})
            self.assertGreaterEqual(self.gateway.metric("varve_http_connections"), 2000)
            began = time.monotonic()
            self.assert_alive()
            self.assertLess(time.monotonic() - began, 3)
        finally:
            for c in connections:
                c.close()
        deadline = time.monotonic() + 5
        while self.gateway.open_files() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertLessEqual(self.gateway.open_files(), before)


class SlowClients(SharedGateway):
    """All of them at the same time, because they take their time."""
    flags = ("--header-timeout-secs", "2", "--request-timeout-secs", "4", "--keep-alive-secs", "3")

    def drip(self, begin, piece, seconds, pause=0.25):
        """Send a piece now and then; seconds until the server ended it, and its last words."""
        with self.gateway.connect() as c:
            c.send(begin)
            began = time.monotonic()
            c.socket.settimeout(pause)
            while time.monotonic() - began < seconds:
                try:
                    if not c.more():
                        break
                except TimeoutError:
                    pass
                try:
                    if piece and not c.bytes:
                        c.send(piece)
                except OSError:
                    break
            return time.monotonic() - began, c.bytes

    def test_they_are_cut_and_others_are_served(self):
        cases = {  # name: (begin, piece, from, to, status)
            "head": ("GET / HTTP/1.1\r\nHost: x\r\n", "X: y\r\n", 1.5, 4.5, None),
            "second head": ("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", None, 1.5, 4.5, 200),
            "silence": ("", None, 2, 5, None),
            "idle": ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", None, 2, 5, 200),
            "body": (post_head("/search", MIB),
                     b"x" * 4096, 3.5, 7, 408),
            "stream": (chunked_head(BULK + "3"),
                       chunk(b"\n"), 9, 14, 408),
        }
        results = {}

        def run(name):
            begin, piece, *_ = cases[name]
            results[name] = self.drip(begin, piece, 16)

        threads = [threading.Thread(target=run, args=(name,)) for name in cases for _ in range(3)]
        for t in threads:
            t.start()
        slowest = 0
        while any(t.is_alive() for t in threads):
            began = time.monotonic()
            self.assert_alive()
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.1)
        for name, (_, _, least, most, status) in cases.items():
            seconds, last = results[name]
            self.assertTrue(least <= seconds <= most, (name, seconds, last))
            if status:
                self.assertTrue(last.startswith(b"HTTP/1.1 %d " % status), (name, last))
            else:
                self.assertEqual(last, b"", name)
        self.assertLess(slowest, 3)
        self.assertGreaterEqual(self.gateway.metric("varve_http_connections_cut_total"), 9)


class Limits(SharedGateway):
    flags = ("--bulk-workers", "2", "--queue-max", "3", "--max-connections-per-ip", "12")

    def setUp(self):
        """Wait for the connections of other tests to end; until then some are refused."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with self.gateway.connect() as c:
                c.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                reply = c.reply()
            if reply and b"\nvarve_http_connections 1\n" in reply.body:
                return
            time.sleep(0.05)

    def test_streams_do_not_starve_others(self):
        """Two streams run, three wait, the next is refused; all else goes on."""
        streams = [self.gateway.connect() for _ in range(6)]
        try:
            for c in streams:
                c.send(chunked_head(BULK))
                time.sleep(0.05)
            refused = streams[5].reply()
            self.assertEqual((refused.status, refused.headers["retry-after"]), (503, "1"))
            self.assert_alive()
            self.assertEqual(self.gateway.get("/list_databases").status, 200)
            for c in streams[:5]:
                c.send(b"0\r\n\r\n")
            self.assertNotIn(503, [c.reply().status for c in streams[:5]])
        finally:
            for c in streams:
                c.close()

    def answered_of_14(self):
        connections = [self.gateway.connect(timeout=2) for _ in range(14)]
        answered = 0
        for c in connections:
            try:
                c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                answered += c.reply() is not None
            except OSError:
                pass
        for c in connections:
            c.close()
        return answered

    def test_connections_of_one_address(self):
        """Never more than 12; fewer only while the server has not seen the last ones close."""
        answered = self.answered_of_14()
        for _ in range(5):
            self.assertLessEqual(answered, 12)
            if answered == 12:
                return
            self.setUp()
            time.sleep(0.2)
            answered = self.answered_of_14()
        self.assertEqual(answered, 12)


class Ending(unittest.TestCase):
    def test_running_requests_are_finished(self):
        gateway = Gateway("--drain-timeout-secs", "10")
        with gateway.connect() as stream, gateway.connect() as other, gateway.connect() as idle:
            idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertNotEqual(idle.reply().headers.get("connection", "").lower(), "close")
            stream.send(chunked_head(BULK))
            other.send("POST /search HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
            time.sleep(0.2)
            gateway.signal()
            time.sleep(0.2)
            with self.assertRaises(OSError):
                gateway.connect(timeout=2)
            stream.send(chunk(b'{"id":1,"vector":[1,2]}\n') + b"0\r\n\r\n")
            reply = stream.reply()
            self.assertEqual((reply.status, reply.headers["connection"]), (200, "close"))
            self.assertTrue(idle.is_closed(2))
            other.send("}")
            self.assertEqual(other.reply().headers["connection"], "close")
            self.assertEqual(gateway.wait(5), 0)
            self.assertEqual(gateway.log_lines()[-1]["event"], "stopped")
        gateway.stop()

    def test_not_ready_while_ending(self):
        gateway = Gateway("--drain-timeout-secs", "10")
        with gateway.connect() as stream, gateway.connect() as probe:
            stream.send(post(BULK, "x" * 100)[:-50])
            time.sleep(0.1)
            probe.send("GET /readyz HTTP/1.1\r\nHost: x\r\n")
            gateway.signal()
            time.sleep(0.1)
            probe.send("\r\n")
            reply = probe.reply()
            self.assertEqual((reply.status, reply.json()["status"]), (503, "not_ready"))
        self.assertEqual(gateway.stop(), 0)

    def test_patience_ends(self):
        gateway = Gateway("--drain-timeout-secs", "1")
        with gateway.connect() as stream, gateway.connect() as head:
            stream.send(chunked_head(BULK))
            head.send("GET / HT")
            time.sleep(0.2)
            began = time.monotonic()
            gateway.signal()
            self.assertEqual(gateway.wait(10), 0)
            self.assertLess(time.monotonic() - began, 4)
        gateway.stop()


if __name__ == "__main__":
    unittest.main(verbosity=1)
