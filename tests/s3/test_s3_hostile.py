"""A store that does not keep to the protocol: the client ends with a status that fits, in bounded
time and memory, and believes nothing."""

import pytest
from s3_fake import Answer, Object, xml
from s3_faults import Fault

ETAG = {"ETag": '"00000000000000000000000000000000"'}


def answer_with(scene, *answers):
    """These, in order, then the last one again and again."""
    left = list(answers)

    def handle(request):
        scene.fake.log.append((request.method, request.target, None))
        return (left.pop(0) if len(left) > 1 else left[0]), None

    scene.fake.handle = handle


def page(*keys, token=None, cut=None):
    rows = "".join(f"<Contents><Key>some/prefix/{k}</Key><Size>1</Size></Contents>" for k in keys)
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = str(bool(token) if cut is None else cut).lower()
    return xml(
        f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{rows}{more}</ListBucketResult>"
    )


@pytest.mark.parametrize(
    "answers, words",
    [
        ([page("b", "a")], "not in order"),
        ([page("a", "a")], "not in order"),
        ([page("b", token="1"), page("a")], "not in order"),
        ([page("b", token="1"), page("b")], "not in order"),
        ([page("a", token="1"), page(token="1")], "does not go on"),
        ([page("a", cut=True)], "does not say where"),
        ([page("a/../../etc/passwd"), page()], None),
        ([xml("<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>other/k</Key>"
              "<Size>1</Size></Contents></ListBucketResult>")], "not asked for"),
        ([Answer(200, b"x" * (9 << 20))], "answer of the store"),
        ([Answer(200, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")], "document type"),
        ([Answer(200, b"<a>" * 100_000)], "nested too deep"),
        ([Answer(200, b"")], "no XML"),
        ([Answer(304)], "elsewhere"),
        ([Answer(999)], "999"),
    ],
)  # fmt: skip
def test_lists(scene, answers, words):
    answer_with(scene, *answers)
    result = scene.tool("list", "")
    if words is None:  # a key that is none is passed over
        assert (result.code, result.out) == (0, b"")
    else:
        assert result.status in ("CORRUPT", "LIMIT", "IO") and words in result.err, result.err


@pytest.mark.parametrize(
    "arguments, answer, status",
    [
        (["get", "k", "0", "5"], Answer(206, b"123456", {**ETAG, "Content-Range": "bytes 0-4/9"}),
         "CORRUPT"),
        (["get", "k", "0", "5"], Answer(206, b"12345", {**ETAG, "Content-Range": "bytes 1-5/9"}),
         "CORRUPT"),
        (["get", "k", "0", "5"], Answer(206, b"1234", {**ETAG, "Content-Range": "bytes 0-4/9"}),
         "CORRUPT"),
        (["get", "k", "0", "5"], Answer(200, b"12345", ETAG), "CORRUPT"),
        (["get", "k", "0", "5"], Answer(206, b"12345", ETAG), "CORRUPT"),
        (["get", "k"], Answer(200, b"12345"), "IO"),
        (["stat", "k"], Answer(200, b"", {**ETAG, "Content-Length": "-1"}), "IO"),
        (["stat", "k"], Answer(200, b"", {**ETAG, "Content-Length": "99999999999999999999"}), "IO"),
        (["stat", "k"], Answer(200, b"", {"ETag": '"' + "x" * 500 + '"'}), "IO"),
        (["stat", "k"], Answer(200, b"", {**ETAG, "X-Long": "y" * 200_000}), "IO"),
        (["delete", "k"], Answer(200, b"<Error><Code>AccessDenied</Code></Error>"), "IO"),
    ],
)  # fmt: skip
def test_answers(scene, arguments, answer, status):
    answer_with(scene, answer)
    result = scene.tool(*arguments, attempts=2)
    assert result.status == status, result.err
    assert len(result.err) < 600


@pytest.mark.parametrize("verb, status", [("get", "CONFLICT"), ("read", "OK")])
def test_replaced_while_read(scene, verb, status):
    """No mixture of two objects: a get ends, a read of the whole begins anew."""
    key, handle = "some/prefix/k", scene.fake.handle
    scene.fake.objects[key] = Object(b"old " * 1000, '"old"', scene.fake.now())
    scene.fake.plan(0, Fault.SHORT)

    def replace(request):
        answer = handle(request)
        scene.fake.objects[key] = Object(b"new " * 1000, '"new"', scene.fake.now())
        return answer

    scene.fake.handle = replace
    result = scene.tool(verb, "k")
    assert result.status == status, result.err
    if verb == "read":
        assert result.out == b"new " * 1000


def test_upload_ids_that_are_none(scene):
    for text in ("<UploadId></UploadId>", "", "<UploadId>a b</UploadId>"):
        good = scene.fake.handle
        begun = xml(f"<InitiateMultipartUploadResult>{text}</InitiateMultipartUploadResult>")

        def handle(request, good=good, begun=begun):
            return (begun, None) if "uploads" in request.query else good(request)

        scene.fake.handle = handle
        path = scene.file("f", b"x" * 3000)
        result = scene.tool("put-file", "k", path, part_bytes=1000, attempts=2)
        assert result.status == "CORRUPT", result.err
        scene.fake.handle = good
    assert scene.objects() == {}
