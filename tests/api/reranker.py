"""A reranker on loopback: what it is asked is kept, what it answers is set by the test."""

import http.server
import json
import threading
import time
import zlib


def score(query, document):
    """Whatever, but always the same and never that of a search."""
    return zlib.crc32((query + "\n" + document).encode()) / 2**32


class Reranker:
    def __init__(self, tls=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), json.loads(body)))
                outer.began.set()
                outer.answer(self, json.loads(body))

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.requests = []
        self.began = threading.Event()
        self.answer = Reranker.scores
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/v1/rerank"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def done(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # answers

    @staticmethod
    def send(handler, text, status=200, headers=()):
        data = text.encode()
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    @staticmethod
    def scores(handler, asked):
        results = [
            {"index": i, "relevance_score": score(asked["query"], d), "document": {"text": d}}
            for i, d in enumerate(asked["documents"])
        ]
        results.sort(key=lambda r: -r["relevance_score"])
        Reranker.send(handler, json.dumps({"id": "x", "results": results, "meta": {}}))

    @staticmethod
    def saying(text, status=200, headers=()):
        return lambda handler, asked: Reranker.send(handler, text, status, headers)

    @staticmethod
    def after(seconds):
        def answer(handler, asked):
            time.sleep(seconds)
            try:
                Reranker.scores(handler, asked)
            except OSError:
                pass  # the other side did not wait

        return answer

    @staticmethod
    def closing(handler, asked):
        handler.close_connection = True
        handler.connection.close()
