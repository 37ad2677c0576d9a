#!/usr/bin/env python3
"""Makes calls.json from the contracts: which calls the edge routes, and which of them it may repeat.

    envoy/calls.py            writes envoy/calls.json
    envoy/calls.py --check    exits 1 where the file is not what the contracts say

Reads a descriptor set from `--descriptors FILE`, or asks `buf build` for one (envoy/install.sh installs it). Whether a
call is safe to repeat is the standard option `idempotency_level`: NO_SIDE_EFFECTS is a read, IDEMPOTENT a write that
may be repeated, everything else goes out once. The status code of a refusal's reason is read from the contract too.
"""
import argparse
import base64
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = HERE / "calls.json"

# What the edge itself refuses: the HTTP status of Envoy's local reply, Envoy's response flag where the status is not
# enough (the first that matches counts), the reason of the contract, the text, seconds until a retry makes sense.
REFUSALS = [
    (400, None, "MALFORMED_REQUEST", "the request is no gRPC", None),
    (404, None, "UNKNOWN_CALL", "there is no such call", None),
    (408, None, "DEADLINE_EXCEEDED", "the call took too long", None),
    (413, None, "REQUEST_TOO_LARGE", "the request is larger than 1 MiB", None),
    (429, None, "RATE_LIMITED", "too many calls from this address", 1),
    (503, "UO", "OVERLOADED", "the service has more work than it can do", 1),
    (503, None, "DEPENDENCY_UNAVAILABLE", "the service does not answer", 1),
    (504, None, "DEADLINE_EXCEEDED", "the call took too long", None),
]
# google.protobuf.MethodOptions.IdempotencyLevel
READ, WRITE = 1, 2
REASON = "ERROR_REASON_"
CODE_OPTION = 50001  # (crewup.common.v1.code)


def fields(data):
    """The fields of an encoded message: (number, value), value an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            yield tag >> 3, data[at : at + size]
            at += size


def every(data, number):
    return [value for n, value in fields(data) if n == number]


def text(data, number):
    return b"".join(every(data, number)).decode()


def first(data, number):
    return next(iter(every(data, number)), None)


def read(descriptors):
    """The public services by package, and the codes of the reasons. Numbers are those of descriptor.proto."""
    services, codes = {}, {}
    for file in every(descriptors, 1):
        package = text(file, 2)
        for enum in every(file, 5):
            if (package, text(enum, 1)) == ("crewup.common.v1", "ErrorReason"):
                for value in every(enum, 2):
                    codes[text(value, 1).removeprefix(REASON)] = first(first(value, 3) or b"", CODE_OPTION)
        for service in every(file, 6):
            parts = package.split(".")
            if len(parts) == 3 and parts[0] == "crewup" and parts[2] == "v1":
                services[parts[1]] = (f"{package}.{text(service, 1)}", every(service, 2))
    return services, codes


def routes(name, service, methods):
    kinds = {"reads": [], "writes": [], "streams": [], "others": []}
    for method in methods:
        level = first(first(method, 4) or b"", 34)
        if first(method, 5):
            sys.exit(f"{service}/{text(method, 1)} streams from the client: browsers cannot, and the edge buffers requests")
        if first(method, 6):
            kinds["streams"].append(text(method, 1))
        elif level == READ:
            kinds["reads"].append(text(method, 1))
        elif level == WRITE:
            kinds["writes"].append(text(method, 1))
        else:
            kinds["others"].append(text(method, 1))
    alternatives = {kind: "|".join(sorted(calls)) for kind, calls in kinds.items()}
    return {
        "name": name["name"],
        "port": name["port"],
        "plain": name["plain"],
        "peers": name["peers"],
        "service": service,
        **alternatives,
    }


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(*pairs):
    """An encoded message of (number, int | str | bytes)."""
    out = b""
    for number, value in pairs:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def refusal(http, flag, reason, message, delay, codes):
    """A google.rpc.Status as grpc-status-details-bin carries it."""
    packed = [("google.rpc.ErrorInfo", encode((1, reason), (2, "crewup")))]
    if delay:
        packed.append(("google.rpc.RetryInfo", encode((1, encode((1, delay))))))
    details = [(3, encode((1, f"type.googleapis.com/{name}"), (2, value))) for name, value in packed]
    status = encode((1, codes[reason]), (2, message), *details)
    encoded = base64.b64encode(status).decode().rstrip("=")
    return {"id": f"{http}{flag or ''}", "http": http, "flag": flag or "", "code": codes[reason], "reason": reason, "message": message, "details": encoded}


def made(descriptors):
    services, codes = read(descriptors)
    ports = json.loads((HERE / "ports.json").read_text())
    # A contract without a line is not served yet, and not routed.
    if unknown := [entry["name"] for entry in ports if entry["name"] not in services]:
        sys.exit(f"ports.json names {', '.join(unknown)}, which no contract does")
    content = {
        "services": [routes(entry, *services[entry["name"]]) for entry in ports],
        "refusals": [refusal(*row, codes) for row in REFUSALS],
    }
    return json.dumps(content, indent=2) + "\n"


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--descriptors", type=pathlib.Path)
    args.add_argument("--check", action="store_true")
    args = args.parse_args()
    if args.descriptors:
        descriptors = args.descriptors.read_bytes()
    else:
        buf = ROOT / ".tools" / "py" / "bin" / "buf"
        build = [buf if buf.exists() else "buf", "build", "-o", "-#format=binpb"]
        descriptors = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    content = made(descriptors)
    if args.check:
        if TARGET.read_text() != content:
            sys.exit("envoy/calls.json is not what the contracts say: run envoy/calls.py")
    else:
        TARGET.write_text(content)


if __name__ == "__main__":
    main()
