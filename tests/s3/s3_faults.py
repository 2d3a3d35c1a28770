"""The faults of s3_fake.py: what each does before a request is carried out, to a body that is
stored, and to the answer."""

from datetime import timedelta
from enum import Enum


class Fault(Enum):
    INTERNAL = "500"
    BAD_GATEWAY = "502"
    SLOW_DOWN = "503"
    TIMEOUT = "timeout"  # carried out, never answered
    RESET = "reset"  # not carried out
    LOST_ANSWER = "lost-answer"  # carried out, then a reset
    SHORT = "short"  # half the answer, then the end
    FLIP = "flip"  # one bit, of what is stored or handed over
    ERROR_200 = "error-200"  # not carried out
    GARBAGE = "garbage"  # carried out; 200 with a body that is nothing
    EXPIRED = "expired"  # the session token has ended; new credentials are in the file
    SKEW = "skew"  # the store's clock is an hour ahead, from now on
    CONFLICT = "409"
    PRECONDITION = "412"
    MISSING_PART = "missing-part"  # one part of each upload is lost
    LOST_UPLOAD = "lost-upload"  # uploads under way are forgotten
    STALE_LIST = "stale-list"  # without the latest change
    TRUNCATED_UPLOAD = "truncated-upload"  # half of it is stored, and answered with 200
    INCOMPLETE_BODY = "incomplete-body"
    REDIRECT = "redirect"
    REDIRECT_307 = "redirect-307"
    NOT_FOUND = "404"
    DENIED = "403"
    NOT_IMPLEMENTED = "501"


# Not carried out; (status, code).
REFUSALS = {
    Fault.INTERNAL: (500, "InternalError"),
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.ERROR_200: (200, "InternalError"),
    Fault.CONFLICT: (409, "ConditionalRequestConflict"),
    Fault.PRECONDITION: (412, "PreconditionFailed"),
    Fault.INCOMPLETE_BODY: (400, "IncompleteBody"),
    Fault.NOT_FOUND: (404, "NoSuchKey"),
    Fault.DENIED: (403, "AccessDenied"),
    Fault.NOT_IMPLEMENTED: (501, "NotImplemented"),
}


def change_state(fake, fault):
    if fault == Fault.EXPIRED and fake.rotate:
        fake.rotate()
    if fault == Fault.SKEW:
        fake.offset = timedelta(hours=1)
    if fault == Fault.LOST_UPLOAD:
        fake.uploads.clear()
    if fault == Fault.MISSING_PART:
        for upload in fake.uploads.values():
            if upload["parts"]:
                del upload["parts"][min(upload["parts"])]


def apply_before(fake, fault):
    """An answer instead of the request, or None."""
    from s3_fake import Answer, error  # the two files are one

    change_state(fake, fault)
    if fault in REFUSALS:
        return error(*REFUSALS[fault], message="a fault of the test")
    if fault == Fault.BAD_GATEWAY:
        return Answer(502, b"<html><body>Bad Gateway</body></html>", {"Content-Type": "text/html"})
    if fault == Fault.RESET:
        return Answer(500)
    if fault in (Fault.REDIRECT, Fault.REDIRECT_307):
        status = 301 if fault == Fault.REDIRECT else 307
        told = {"Location": fake.redirect_to, "x-amz-bucket-region": "eu-west-1"}
        return error(status, "PermanentRedirect", "elsewhere", told)
    return None


def flipped(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :] if data else data


def spoil_body(fault, body):
    if fault == Fault.FLIP:
        return flipped(body)
    return body[: len(body) // 2] if fault == Fault.TRUNCATED_UPLOAD else body


def apply_to_answer(fake, fault, answer):
    if fault == Fault.FLIP and answer.status in (200, 206) and b"<?xml" not in answer.body[:8]:
        answer.body = flipped(answer.body)
    if fault == Fault.GARBAGE and answer.status == 200:
        answer.body = b"\x00\xff<<<nothing of use" * 3
        answer.headers = {}
    return answer
