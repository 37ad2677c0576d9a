"""What `helm test` runs, run here: the command of its pod, through Envoy with the chart's configuration, to a gRPC server that
refuses everybody as the services do. Only the container is missing."""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
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


def workload(authority, folder, name):
    """A certificate of a workload, as tls.crt, tls.key and ca.crt in a folder, as a Secret is mounted."""
    folder.mkdir()
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/", "-keyout", folder / "tls.key", "-out", folder / "csr")
    (folder / "names").write_text(f"subjectAltName=critical,URI:spiffe://crewup/{name}")
    openssl("x509", "-req", "-in", folder / "csr", "-CA", authority / "ca.crt", "-CAkey", authority / "ca.key", "-days", "1",
            "-extfile", folder / "names", "-out", folder / "tls.crt")
    shutil.copy(authority / "ca.crt", folder)
    return folder


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def authority(folder):
    folder.mkdir()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1", "-subj", "/CN=authority",
            "-addext", "basicConstraints=critical,CA:true", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    return folder


@contextlib.contextmanager
def edge(status, tls, mesh=None, wait=True):
    """The address of an edge, as the chart configures it but for ports, before services that answer with this status. With `mesh`: the
    services show the certificate in its folder `service`, and demand one of the authority; the edge shows that in `edge`."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Refusing(status)])
    if mesh:
        key, chain, roots = ((mesh / "service" / file).read_bytes() for file in ("tls.key", "tls.crt", "ca.crt"))
        upstream = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)], roots, True))
    else:
        upstream = server.add_insecure_port("127.0.0.1:0")
    server.start()
    port, ops = free_port(), free_port()
    services = [dict(one, host="127.0.0.1", port=upstream) for one in CALLS["services"]]
    with tempfile.TemporaryDirectory() as folder:
        values = context(bind="127.0.0.1", opsPort=ops, adminPort=free_port(), services=services, configDir=folder, certDir=folder,
                         meshDir=str(mesh / "edge") if mesh else "",
                         listeners=[{"name": "secure" if tls else "plain", "port": port, "tls": tls}])
        for file in ("envoy.yaml", "certificate.yaml", *(("workload.yaml", "authorities.yaml") if mesh else ())):
            pathlib.Path(folder, file).write_text(template.render((ROOT / "envoy" / f"{file}.tmpl").read_text(), values))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                        "/CN=api.example.org", "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"], check=True, capture_output=True)
        envoy = subprocess.Popen([ENVOY, "-c", f"{folder}/envoy.yaml", "-l", "off", "--disable-hot-restart", "--concurrency", "1"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            healthy = 'envoy_cluster_membership_healthy{envoy_cluster_name="user"} 1'
            def figures():
                return urllib.request.urlopen(f"http://127.0.0.1:{ops}/metrics").read().decode()

            if not wait:
                # Twice asked, and no service had an answer for it.
                failed = re.compile('envoy_cluster_health_check_failure{envoy_cluster_name="user"} [2-9]')
                until("two health checks that fail", lambda: failed.search(figures()) and healthy not in figures())
            else:
                until("a healthy service", lambda: healthy in figures())
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
def the_edge_and_a_service_know_each_other_by_their_certificates():
    """The chart's names of files, and the URI that it gives each: the right service is called, and nobody else, by nobody else."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        ours, other = authority(scratch / "ours"), authority(scratch / "other")
        for case, service, by, vouched, expected in (
            ("right", "user", "edge", ours, (0, "grpc-status: 16")),
            ("another service", "event", "edge", ours, (1, "grpc-status: 14")),
            ("another authority", "user", "edge", other, (1, "grpc-status: 14")),
        ):
            mesh = scratch / case
            mesh.mkdir()
            workload(vouched, mesh / "service", service)
            workload(ours, mesh / "edge", by)
            with edge(grpc.StatusCode.UNAUTHENTICATED, False, mesh, wait=case == "right") as (address, _):
                assert call(address) == expected, f"{case}: {call(address)}"


def put(folder, content):
    """As the kubelet puts a Secret: files are links through ..data, which is exchanged in one step."""
    folder.mkdir(exist_ok=True)
    fresh = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix=".."))
    for file in ("tls.crt", "tls.key", "ca.crt"):
        shutil.copy(content / file, fresh)
        if not (folder / file).is_symlink():
            (folder / file).symlink_to(f"..data/{file}")
    (folder / "..new").symlink_to(fresh.name)
    (folder / "..new").rename(folder / "..data")


@test
def a_renewed_certificate_of_the_edge_needs_no_restart():
    """It begins with one that no service takes."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        ours, other = authority(scratch / "ours"), authority(scratch / "other")
        workload(ours, scratch / "service", "user")
        put(scratch / "edge", workload(other, scratch / "old", "edge"))
        shutil.copy(ours / "ca.crt", scratch / "edge" / "..data" / "ca.crt")
        with edge(grpc.StatusCode.UNAUTHENTICATED, False, scratch, wait=False) as (address, _):
            assert call(address) == (1, "grpc-status: 14")
            put(scratch / "edge", workload(ours, scratch / "new", "edge"))
            until("a call that passes", lambda: call(address) == (0, "grpc-status: 16"))


@test
def the_pod_calls_the_port_that_there_is():
    def address(*settings):
        [container] = find(objects("--set", ISSUER, *[argument for one in settings for argument in ("--set", one)]), "Pod", "crewup-test-call")["spec"]["containers"]
        return {one["name"]: one["value"] for one in container["env"]}["EDGE"]

    assert address() == "http://crewup-edge.app.svc.cluster.local:80"
    assert address("edge.tls.secretName=tls", "edge.plain.enabled=false", "edge.service.tlsPort=8443") == "https://crewup-edge.app.svc.cluster.local:8443"
