"""AWS Signature Version 4, the side that checks; written from the specification, apart from the
client's signer, and stricter than most: what is sent has to be in its canonical form already."""

import hashlib
import hmac
import re
import urllib.parse
from datetime import datetime, timedelta, timezone

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
SKEW = timedelta(minutes=15)
DATE = "%Y%m%dT%H%M%SZ"


class Refused(Exception):
    """An answer with <Error>."""

    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def canonical_query(query):
    items = [item.partition("=") for item in query.split("&")] if query else []
    decoded = [(urllib.parse.unquote(n), urllib.parse.unquote(v)) for n, _, v in items]
    return "&".join(sorted(f"{encode(n)}={encode(v)}" for n, v in decoded))


def canonical_path(path):
    return "/".join(encode(urllib.parse.unquote(part)) for part in path.split("/"))


def signing_key(secret, day, region):
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def signature(method, path, query, headers, signed, secret, region, payload):
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    request = "\n".join([method, path, query, lines, ";".join(signed), payload])
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    key = signing_key(secret, date[:8], region)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def check_date(headers, now):
    try:
        sent = datetime.strptime(headers.get("x-amz-date", ""), DATE).replace(tzinfo=timezone.utc)
    except ValueError:
        raise Refused(403, "AccessDenied", "no x-amz-date") from None
    if abs(sent - now) > SKEW:
        raise Refused(403, "RequestTimeTooSkewed", "clocks differ")


def check(method, target, headers, body, keys, region, now):
    """Refused unless the request is signed with `keys` (access, secret, token or "")."""
    found = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise Refused(403, "AccessDenied", "no signature")
    access, day, scope_region, names, given = found.groups()
    signed = names.split(";")
    path, _, query = target.partition("?")
    must = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    if not must <= set(signed) or signed != sorted(signed):
        raise Refused(403, "AccessDenied", "headers that are not signed")
    if any(name not in headers for name in signed):
        raise Refused(403, "SignatureDoesNotMatch", "a header that was signed is not there")
    check_date(headers, now)
    if keys[2] and headers.get("x-amz-security-token") != keys[2]:
        raise Refused(400, "ExpiredToken", "The provided token has expired.")
    if access != keys[0] or day != headers["x-amz-date"][:8]:
        raise Refused(403, "InvalidAccessKeyId")
    if scope_region != region:
        raise Refused(400, "AuthorizationHeaderMalformed", f"expecting '{region}'")
    payload = headers.get("x-amz-content-sha256", "")
    if path != canonical_path(path) or query != canonical_query(query):
        raise Refused(403, "SignatureDoesNotMatch", "not in canonical form")
    made = signature(method, path, query, headers, signed, keys[1], region, payload)
    if not hmac.compare_digest(made, given):
        raise Refused(403, "SignatureDoesNotMatch")
    if payload != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "the body has another SHA-256")
