"""Secrets as Helm sends them to keep its releases: in Kubernetes' protobuf, whatever the server would rather have."""
import base64


def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """(number of the field, bytes or integer) of one message."""
    at = 0
    while at < len(data):
        tag, at = number(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = number(data, at)
        elif kind == 2:
            length, at = number(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {kind}")
        yield tag >> 3, value


def entries(found, field):
    return {entry[1].decode(): entry.get(2, b"") for entry in (dict(fields(value)) for one, value in found if one == field)}


def secret(body):
    """A Secret in its envelope (`k8s`, a zero, runtime.Unknown) as its JSON would be."""
    assert body[:4] == b"k8s\0", body[:4]
    envelope = dict(fields(body[4:]))
    assert dict(fields(envelope[1]))[2] == b"Secret", envelope[1]
    found = list(fields(envelope[2]))
    meta = list(fields(dict(found)[1]))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": dict(meta)[1].decode(),
            "labels": {key: value.decode() for key, value in entries(meta, 11).items()},
        },
        "type": dict(found)[3].decode(),
        "data": {key: base64.b64encode(value).decode() for key, value in entries(found, 2).items()},
    }
