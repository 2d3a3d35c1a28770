"""Writer of the LDBF1 fields payload, for tests."""

import struct


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def pairs(value):
    return struct.pack("<I", len(value)) + b"".join(text(k) + encode(v) for k, v in value.items())


def encode(value):
    if value is None:
        return b"\0"
    if value is False:
        return b"\1"
    if value is True:
        return b"\2"
    if isinstance(value, int):
        return struct.pack("<Bq", 3, value) if value < 0 else struct.pack("<BQ", 4, value)
    if isinstance(value, float):
        return struct.pack("<Bd", 5, value)
    if isinstance(value, (str, bytes)):
        return b"\6" + text(value)
    if isinstance(value, list):
        return struct.pack("<BI", 7, len(value)) + b"".join(map(encode, value))
    return b"\x08" + pairs(value)


def payload(rows):
    """rows: a dict, or None for a row without fields"""
    return (
        b"LDBF1"
        + struct.pack("<I", len(rows))
        + b"".join(b"\0" if row is None else b"\1" + pairs(row) for row in rows)
    )
