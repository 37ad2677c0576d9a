"""What `helm test` runs, run here: the command of its pod, through Envoy with the chart's configuration, to a gRPC server that
refuses everybody as the services do. Only the container is missing."""
import concurrent.futures
import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

import grpc
import template

from .edge import context
from .kit import CALLS, ENVOY, ISSUER, ROOT, find, objects, test


class Refusing(grpc.GenericRpcHandler):
    """Healthy, and answers every other call with one status."""

    def __init__(self, status):
        self.status = status

    def service(self, details):
        def health(_request, _context):
            return b"\x08\x01"

        def other(_request, context):
            if self.status != grpc.StatusCode.OK:
                context.abort(self.status, "no")
            return b""

        return grpc.unary_unary_rpc_method_handler(health if details.method == "/grpc.health.v1.Health/Check" else other)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, ready):
    for _ in range(100):
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.1)
    raise AssertionError(f"{what} within ten seconds")


@contextlib.contextmanager
def edge(status, tls):
    """The address of an edge, as the chart configures it but for ports, before services that answer with this status."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Refusing(status)])
    upstream = server.add_insecure_port("127.0.0.1:0")
    server.start()
    port, ops = free_port(), free_port()
    services = [dict(one, host="127.0.0.1", port=upstream) for one in CALLS["services"]]
    with tempfile.TemporaryDirectory() as folder:
        values = context(bind="127.0.0.1", opsPort=ops, adminPort=free_port(), services=services, configDir=folder, certDir=folder,
                         listeners=[{"name": "secure" if tls else "plain", "port": port, "tls": tls}])
        for file in ("envoy.yaml", "certificate.yaml"):
            pathlib.Path(folder, file).write_text(template.render((ROOT / "envoy" / f"{file}.tmpl").read_text(), values))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                        "/CN=api.example.org", "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"], check=True, capture_output=True)
        envoy = subprocess.Popen([ENVOY, "-c", f"{folder}/envoy.yaml", "-l", "off", "--use-dynamic-base-id", "--concurrency", "1"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            healthy = 'envoy_cluster_membership_healthy{envoy_cluster_name="user"} 1'
            until("a healthy service", lambda: healthy in urllib.request.urlopen(f"http://127.0.0.1:{ops}/metrics").read().decode())
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}", server
        finally:
            envoy.terminate()
            envoy.wait()
            server.stop(None)


def call(address):
    [container] = find(objects("--set", ISSUER), "Pod", "crewup-test-call")["spec"]["containers"]
    run = subprocess.run(container["command"], env=os.environ | {"EDGE": address}, capture_output=True, text=True, check=False, timeout=60)
    return run.returncode, run.stdout.strip()


@test
def the_call_of_helm_test_passes_where_a_service_refuses_it():
    for tls in (False, True):
        with edge(grpc.StatusCode.UNAUTHENTICATED, tls) as (address, _):
            assert call(address) == (0, "grpc-status: 16"), f"tls {tls}: {call(address)}"


@test
def the_call_of_helm_test_fails_where_nothing_is_right():
    with edge(grpc.StatusCode.OK, False) as (address, server):
        code, said = call(address)
        assert code == 1 and said in ("grpc-status: 0", "grpc-status: none"), "whoever lets everybody in: " + said
        server.stop(None).wait()
        assert call(address) == (1, "grpc-status: 14"), "without a service"
    code, said = call(f"http://127.0.0.1:{free_port()}")
    assert code == 1 and said == "grpc-status: none", "without an edge"


@test
def the_pod_calls_the_port_that_there_is():
    def address(*settings):
        [container] = find(objects("--set", ISSUER, *[argument for one in settings for argument in ("--set", one)]), "Pod", "crewup-test-call")["spec"]["containers"]
        return {one["name"]: one["value"] for one in container["env"]}["EDGE"]

    assert address() == "http://crewup-edge.app.svc.cluster.local:80"
    assert address("edge.tls.secretName=tls", "edge.plain.enabled=false", "edge.service.tlsPort=8443") == "https://crewup-edge.app.svc.cluster.local:8443"
