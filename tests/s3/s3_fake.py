"""A strict S3 store on loopback with faults on demand: signatures and sums are checked, lists come
in small pages, puts may be conditional, multipart uploads know their parts.

    s3_fake.py [--port N] [--page N]
        prints endpoint, bucket, key, secret and region; ends with its standard input

Faults: PUT /-/fault {"at": request number from 0, "kind": "reset"} · DELETE /-/state · GET /-/log.
Tests in Python use the same through Fake."""

import argparse
import base64
import hashlib
import json
import socket
import struct
import sys
import threading
import urllib.parse
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import s3_signature
from s3_faults import Fault, apply_before, apply_to_answer, spoil_body
from s3_signature import Refused

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
ADMIN = "/-/"


class Answer:
    def __init__(self, status=200, body=b"", headers=None):
        self.status, self.body, self.headers = status, body, dict(headers or {})


def xml(text, status=200, headers=None):
    about = {"Content-Type": "application/xml", **(headers or {})}
    return Answer(status, (HEAD + text).encode(), about)


def error(status, code, message="", headers=None):
    told = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>1</RequestId>"
    text = f"<Error>{told}</Error>"
    return xml(text, status, headers)


class Object:
    def __init__(self, data, etag, modified):
        self.data, self.etag, self.modified = data, etag, modified


def md5(data):
    return hashlib.md5(data, usedforsecurity=False)


class Fake:
    """The store's state; one lock for all of it."""

    def __init__(self, bucket="bucket", page=3, region="us-east-1"):
        self.bucket, self.page, self.region = bucket, page, region
        self.keys = ("AKIAFAKE", "fake/secret+key", "")
        self.conditional = True  # If-None-Match and If-Match of puts; None: passed over
        self.checksums = True  # answers with x-amz-checksum-*
        self.odd_tags = False  # ETags that are no MD5
        self.offset = timedelta(0)
        self.redirect_to = "http://127.0.0.1:1/"
        self.denied = set()  # methods that these credentials may not use
        self.rotate = None  # called by the fault "expired"
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        with self.lock:
            self.objects, self.before, self.uploads, self.next_upload = {}, {}, {}, 1
            self.log, self.faults, self.stopping = [], {}, threading.Event()
            self.offset = timedelta(0)

    def now(self):
        return datetime.now(timezone.utc) + self.offset

    def plan(self, at, kind):
        with self.lock:
            self.faults[at] = kind

    # ---- objects

    def tag(self, data):
        digest = md5(data).hexdigest()
        return f'"{hashlib.sha256(data).hexdigest()[:32] if self.odd_tags else digest}"'

    def changed(self):
        self.before = dict(self.objects)

    def check_put(self, key, headers):
        there = self.objects.get(key)
        if self.conditional is None:
            return
        if not self.conditional and ("if-none-match" in headers or "if-match" in headers):
            raise Refused(501, "NotImplemented", "no conditional put")
        if headers.get("if-none-match") == "*" and there:
            raise Refused(412, "PreconditionFailed")
        if "if-match" in headers and not there:
            raise Refused(404, "NoSuchKey")
        if "if-match" in headers and there.etag != headers["if-match"]:
            raise Refused(412, "PreconditionFailed")

    def check_sum(self, headers, body):
        given = headers.get("x-amz-checksum-sha256")
        made = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if given and given != made:
            raise Refused(400, "BadDigest")

    def put(self, key, headers, body, stored):
        self.check_sum(headers, body)
        self.check_put(key, headers)
        self.changed()
        self.objects[key] = Object(stored, self.tag(stored), self.now())
        answer = Answer(200, b"", {"ETag": self.objects[key].etag})
        if self.checksums and "x-amz-checksum-sha256" in headers:
            sum_of = hashlib.sha256(stored).digest()
            answer.headers["x-amz-checksum-sha256"] = base64.b64encode(sum_of).decode()
        return answer

    def get(self, key, headers, with_body):
        found = self.objects.get(key)
        if not found:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.")
        if "if-match" in headers and headers["if-match"] != found.etag:
            raise Refused(412, "PreconditionFailed")
        about = {"ETag": found.etag, "Last-Modified": format_datetime(found.modified, usegmt=True)}
        if not with_body:
            return Answer(200, b"", {**about, "Content-Length": str(len(found.data))})
        if "range" not in headers:
            return Answer(200, found.data, about)
        first, _, last = headers["range"].removeprefix("bytes=").partition("-")
        first, size = int(first), len(found.data)
        last = min(int(last) if last else size - 1, size - 1)
        if first >= size:
            return error(416, "InvalidRange", "", {"Content-Range": f"bytes */{size}"})
        about["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Answer(206, found.data[first : last + 1], about)

    def list(self, query, stale):
        objects = self.before if stale else self.objects
        after = query.get("continuation-token", query.get("start-after", ""))
        keys = sorted(k for k in objects if k.startswith(query.get("prefix", "")) and k > after)
        page, cut = keys[: self.page], len(keys) > self.page
        quoted = urllib.parse.quote if query.get("encoding-type") == "url" else escape
        rows = "".join(
            f"<Contents><Key>{quoted(k)}</Key><Size>{len(objects[k].data)}</Size></Contents>"
            for k in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if cut else ""
        coding = "<EncodingType>url</EncodingType>" if "encoding-type" in query else ""
        return xml(
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(cut).lower()}</IsTruncated>{coding}{rows}{token}</ListBucketResult>"
        )

    # ---- multipart

    def upload_of(self, key, query):
        upload = self.uploads.get(query["uploadId"])
        if not upload or upload["key"] != key:
            raise Refused(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def initiate(self, key, headers):
        name = f"upload-{self.next_upload}+/="
        self.next_upload += 1
        sums = self.checksums and headers.get("x-amz-checksum-algorithm") == "SHA256"
        self.uploads[name] = {"key": key, "parts": {}, "sums": sums}
        told = {"x-amz-checksum-algorithm": "SHA256"} if sums else {}
        return xml(
            "<InitiateMultipartUploadResult>"
            f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>",
            headers=told,
        )

    def put_part(self, key, query, headers, body, stored):
        upload = self.upload_of(key, query)
        self.check_sum(headers, body)
        if upload["sums"] != ("x-amz-checksum-sha256" in headers):
            raise Refused(400, "InvalidRequest", "Checksum Type mismatch occurred")
        upload["parts"][int(query["partNumber"])] = Object(stored, self.tag(stored), self.now())
        return Answer(200, b"", {"ETag": self.tag(stored)})

    def list_parts(self, key, query):
        parts, after = self.upload_of(key, query)["parts"], int(query.get("part-number-marker", 0))
        numbers = sorted(n for n in parts if n > after)
        page, cut = numbers[: self.page], len(numbers) > self.page
        rows = "".join(
            f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(parts[n].etag)}</ETag>"
            f"<Size>{len(parts[n].data)}</Size></Part>"
            for n in page
        )
        marker = f"<NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>" if cut else ""
        return xml(
            f"<ListPartsResult><IsTruncated>{str(cut).lower()}</IsTruncated>"
            f"{marker}{rows}</ListPartsResult>"
        )

    def complete(self, key, query, headers, body):
        upload = self.upload_of(key, query)
        self.check_put(key, headers)
        wanted, data, sums = ElementTree.fromstring(body), b"", b""
        for number, part in enumerate(wanted.findall("Part"), 1):
            found = upload["parts"].get(number)
            if int(part.findtext("PartNumber")) != number or not found:
                raise Refused(400, "InvalidPart")
            checksum = base64.b64encode(hashlib.sha256(found.data).digest()).decode()
            told = part.findtext("ChecksumSHA256")
            if part.findtext("ETag") != found.etag or (upload["sums"] and told != checksum):
                raise Refused(400, "InvalidPart")
            data += found.data
            sums += md5(found.data).digest()
        etag = f'"{md5(sums).hexdigest()}-{number}"' if not self.odd_tags else self.tag(data)
        self.changed()
        self.objects[key] = Object(data, etag, self.now())
        del self.uploads[query["uploadId"]]
        return xml(
            "<CompleteMultipartUploadResult>"
            f"<ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>"
        )

    def abort(self, key, query):
        self.upload_of(key, query)
        del self.uploads[query["uploadId"]]
        return Answer(204)

    # ---- one request

    def carry_out(self, request, fault):
        key, query = request.key, request.query
        headers, body = request.headers, request.body
        stored = spoil_body(fault, body)
        if key and request.method == "POST":
            if "uploads" in query:
                return self.initiate(key, headers)
            return self.complete(key, query, headers, body)
        if "uploadId" in query:
            return {
                "PUT": lambda: self.put_part(key, query, headers, body, stored),
                "GET": lambda: self.list_parts(key, query),
                "DELETE": lambda: self.abort(key, query),
            }[request.method]()
        if not key:
            return self.list(query, fault == Fault.STALE_LIST)
        if request.method == "DELETE":
            self.changed()
            self.objects.pop(key, None)
            return Answer(204)
        if request.method == "PUT":
            return self.put(key, headers, body, stored)
        return self.get(key, headers, request.method == "GET")

    def handle(self, request):
        """(answer, fault)."""
        with self.lock:
            fault = self.faults.get(len(self.log))
            self.log.append((request.method, request.target, fault))
            answer = apply_before(self, fault)
            if answer:
                return answer, fault
            try:
                s3_signature.check(
                    request.method, request.target, request.headers, request.body,
                    self.keys, self.region, self.now(),
                )  # fmt: skip
                if request.bucket != self.bucket:
                    raise Refused(404, "NoSuchBucket")
                if request.method in self.denied:
                    raise Refused(403, "AccessDenied", "not with these credentials")
                answer = self.carry_out(request, fault)
            except Refused as refused:
                answer = error(refused.status, refused.code, refused.message)
            return apply_to_answer(self, fault, answer), fault


class Request:
    def __init__(self, fake, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        path, _, query = target.partition("?")
        path = urllib.parse.unquote(path)[1:]
        host = headers.get("host", "")
        if host.startswith(fake.bucket + "."):
            self.bucket, self.key = fake.bucket, path
        else:
            self.bucket, _, self.key = path.partition("/")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    fake = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def respond(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith(ADMIN):
            self.send(admin(self.fake, self.command, self.path[len(ADMIN) :], body))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.fake.handle(Request(self.fake, self.command, self.path, headers, body))
        if fault == Fault.TIMEOUT:
            self.fake.stopping.wait(30)
        if fault in (Fault.TIMEOUT, Fault.RESET, Fault.LOST_ANSWER):
            self.hang_up()
        else:
            self.send(answer, short=fault == Fault.SHORT)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = respond

    def hang_up(self):
        """With a reset, as a crashed peer would."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def send(self, answer, short=False):
        self.send_response_only(answer.status)
        headers = {"Date": format_datetime(self.fake.now(), usegmt=True), **answer.headers}
        if answer.status != 204:
            headers.setdefault("Content-Length", str(len(answer.body)))
        for name, value in headers.items():
            self.send_header(name, value)
        if short and not answer.body:  # nothing to shorten but the headers
            self._headers_buffer = [b"".join(self._headers_buffer)[:-9]]
            self.flush_headers()
        else:
            self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if short else answer.body)
        self.close_connection = self.close_connection or short
        self.wfile.flush()


def admin(fake, method, what, body):
    if (method, what) == ("PUT", "fault"):
        order = json.loads(body)
        fake.plan(order["at"], Fault(order["kind"]))
    elif (method, what) == ("DELETE", "state"):
        fake.reset()
    elif (method, what) == ("GET", "log"):
        return Answer(200, json.dumps([[m, t, f and f.value] for m, t, f in fake.log]).encode())
    else:
        return Answer(404)
    return Answer(204)


def serve(fake, port=0, tls=None):
    """A server in a thread; shutdown() ends it."""
    handler = type("BoundHandler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    server.handle_error = lambda request, address: None  # clients that hang up are what is tested
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--page", type=int, default=3)
    arguments = parser.parse_args()
    fake = Fake(page=arguments.page)
    server = serve(fake, arguments.port)
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    print(endpoint, fake.bucket, *fake.keys[:2], fake.region, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
