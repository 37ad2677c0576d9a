#!/usr/bin/env python3
"""Renders the edge's configuration, for development from the environment.

    envoy/render.py --out .dev/envoy     writes envoy.yaml, the files beside it and, once, a self-signed certificate
    envoy/render.py --context FILE       prints envoy.yaml for a context from a JSON file
    .tools/bin/envoy -c .dev/envoy/envoy.yaml

variable                      default                      what
CREWUP_EDGE_BIND              127.0.0.1                    address to listen on
CREWUP_EDGE_PORT              8080                         HTTP/1.1 and h2c
CREWUP_EDGE_TLS_PORT          8443                         TLS, h2 and HTTP/1.1
CREWUP_EDGE_OPS_PORT          9050                         /readyz and /metrics
CREWUP_EDGE_ADMIN_PORT        9901                         Envoy's admin interface, always on 127.0.0.1
CREWUP_EDGE_ORIGINS           http://localhost:5173        origins of browsers, with commas
CREWUP_EDGE_RATE, _BURST      1000, 2000                   calls per second from one address to one service
CREWUP_<SERVICE>_ADDR         127.0.0.1:<port>             where a service is
CREWUP_MESH_DIR                                            edge.crt, edge.key and ca.crt: mutual TLS with the services; empty: none
CREWUP_REFLECTION             on                           whether the edge routes server reflection
OTEL_EXPORTER_OTLP_ENDPOINT                                http://host:port of a collector; empty: no tracing

The context of the template: bind, reusePort, listeners [name, port, tls], opsPort, adminPort, configDir (holds FILES),
certDir (holds tls.crt and tls.key), meshDir (holds ca.crt and meshName's .crt and .key; empty: the services have no TLS), origins, trustedHops, maxConnections, maxHeapBytes, rate {perSecond, burst}, reflection (the
service that answers it, or empty), otlp {host, port, percent} or null, and from calls.json with a host added: services
and refusals.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
from urllib.parse import urlsplit

import template

# What Envoy reads: the configuration, and the certificates that it watches.
FILES = ("envoy.yaml", "certificate.yaml", "workload.yaml", "authorities.yaml")
HERE = pathlib.Path(__file__).resolve().parent


def rendered(context, name="envoy.yaml"):
    return template.render((HERE / f"{name}.tmpl").read_text(), context)


def contracts():
    return json.loads((HERE / "calls.json").read_text())


def address(text, variable):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        sys.exit(f"{variable}: {text!r} is not host:port")
    return {"host": host, "port": int(port)}


def collector(endpoint):
    if not endpoint:
        return None
    url = urlsplit(endpoint)
    if url.scheme != "http" or not url.hostname:
        sys.exit(f"OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint!r} is not http://host:port")
    return {"host": url.hostname, "port": url.port or 4317, "percent": 100}


def development(out, env=None):
    """The context for a machine of a developer."""
    env = os.environ if env is None else env

    def number(variable, default):
        value = env.get(variable) or str(default)
        if not value.isdigit():
            sys.exit(f"{variable}: {value!r} is not a number")
        return int(value)

    known = contracts()
    for service in known["services"]:
        variable = f"CREWUP_{service['name'].upper()}_ADDR"
        service.update(address(env.get(variable) or f"127.0.0.1:{service['port']}", variable))
    origins = (env.get("CREWUP_EDGE_ORIGINS") or "http://localhost:5173").split(",")
    return known | {
        "bind": env.get("CREWUP_EDGE_BIND") or "127.0.0.1",
        "listeners": [
            {"name": "plain", "port": number("CREWUP_EDGE_PORT", 8080), "tls": False},
            {"name": "secure", "port": number("CREWUP_EDGE_TLS_PORT", 8443), "tls": True},
        ],
        "reusePort": "false",
        "opsPort": number("CREWUP_EDGE_OPS_PORT", 9050),
        "adminPort": number("CREWUP_EDGE_ADMIN_PORT", 9901),
        "configDir": str(out),
        "certDir": str(out),
        "meshDir": env.get("CREWUP_MESH_DIR", ""),
        "meshName": "edge",
        "origins": [origin.strip() for origin in origins],
        "trustedHops": 0,
        "maxConnections": 10000,
        "maxHeapBytes": 400 << 20,
        "rate": {"perSecond": number("CREWUP_EDGE_RATE", 1000), "burst": number("CREWUP_EDGE_BURST", 2000)},
        "reflection": known["services"][0]["name"] if env.get("CREWUP_REFLECTION", "on") == "on" else "",
        "otlp": collector(env.get("OTEL_EXPORTER_OTLP_ENDPOINT")),
    }


def certify(out):
    """A certificate for development: for localhost only, signed by itself, made once."""
    if (out / "tls.crt").exists():
        return
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "825"]
    command += ["-subj", "/CN=localhost", "-addext", names, "-keyout", out / "tls.key", "-out", out / "tls.crt"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def write(out, context):
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (out / name).write_text(rendered(context, name))
    certify(out)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = args.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=pathlib.Path)
    what.add_argument("--context", type=pathlib.Path)
    args = args.parse_args()
    if args.context:
        print(rendered(json.loads(args.context.read_text())), end="")
    else:
        out = args.out.resolve()
        write(out, development(out))


if __name__ == "__main__":
    main()
