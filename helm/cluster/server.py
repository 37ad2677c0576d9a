"""A control plane on free ports of this machine, and a client of its API. One for all tests, started with the first."""
import functools
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

import yaml

from tests.kit import TOOLS

from .kubelet import Kubelet

KUBE = TOOLS / "kube" / "kube"
# Who may do everything, and who may do nothing until a role says so.
TOKEN, TENANT = "of-the-test", "of-a-tenant"
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
users: [{name: test, user: {token: %s}}]
clusters: [{name: test, cluster: {server: "https://127.0.0.1:%d", certificate-authority: "%s"}}]
"""
JSON, APPLY, MERGE = "application/json", "application/apply-patch+yaml", "application/merge-patch+json"


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


def until(what, true, limit=60.0):
    """The first true answer. What is not true within the limit is an error that says what was waited for."""
    end = time.monotonic() + limit
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < end, f"not within {limit:.0f} s: {what}"
        time.sleep(0.05)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Api:
    """Requests as JSON. Every warning of the server is kept: it says what is deprecated or breaks Pod Security."""

    def __init__(self, port, certificate):
        self.port, self.tls = port, ssl.create_default_context(cafile=certificate)
        self.local, self.warnings = threading.local(), []

    def request(self, method, path, body=None, content=JSON, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": JSON, "Content-Type": content}
        data = json.dumps(body) if body is not None else None
        for last in (False, True):
            try:
                if not hasattr(self.local, "connection"):
                    self.local.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=30)
                self.local.connection.request(method, path, data, headers)
                answer = self.local.connection.getresponse()
                found = answer.read()
                break
            except (OSError, http.client.HTTPException):
                # The server closes connections that were idle.
                del self.local.connection
                if last:
                    raise
        self.warnings += answer.headers.get_all("Warning") or []
        if answer.status >= 300:
            try:
                message = json.loads(found)["message"]
            except ValueError:
                message = found.decode(errors="replace")[:500]
            raise Refused(answer.status, message)
        return json.loads(found) if answer.headers.get_content_type() == JSON else found

    def get(self, path, **query):
        return self.request("GET", path, **query)

    @functools.cached_property
    def kinds(self):
        """{(apiVersion, kind): what discovery says of it}."""
        groups = [f"/apis/{version['groupVersion']}" for group in self.get("/apis")["groups"] for version in group["versions"]]
        return {(path.split("/", 2)[2], one["kind"]): one | {"path": path} for path in ["/api/v1", *groups]
                for one in self.get(path)["resources"] if "/" not in one["name"]}

    def path(self, one, name=None):
        found = self.kinds[one["apiVersion"], one["kind"]]
        place = f"/namespaces/{one['metadata']['namespace']}" if found["namespaced"] else ""
        return f"{found['path']}{place}/{found['name']}" + (f"/{name}" if name else "")

    def apply(self, one, manager="test", **query):
        """Server-side apply, as Helm does it: no field that the server does not know, and no field of another's."""
        return self.request("PATCH", self.path(one, one["metadata"]["name"]), one, APPLY, fieldManager=manager, fieldValidation="Strict", **query)

    def dry(self, one):
        return self.apply(one, dryRun="All")

    def create(self, one, **query):
        return self.request("POST", self.path(one), one, fieldValidation="Strict", **query)

    def there(self, *namespaces):
        """Everything in these namespaces, of every kind that the server knows: {(namespace, kind, name): object}."""
        found = {}
        for (version, kind), about in self.kinds.items():
            if about["namespaced"] and "list" in about["verbs"] and kind not in ("Event", "Lease", "Endpoints"):
                for one in self.get(f"{about['path']}/{about['name']}")["items"]:
                    if one["metadata"]["namespace"] in namespaces:
                        found[one["metadata"]["namespace"], kind, one["metadata"]["name"]] = one | {"apiVersion": version, "kind": kind}
        return found


class ControlPlane:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crewup-cluster-"))
        self.processes, self.kubelet = [], None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        etcd, peer, port = free_ports(3)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
                     "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "server.crt")
        self.openssl("genpkey", "-algorithm", "RSA", "-out", "accounts.key")
        (self.folder / "tokens").write_text(f"{TOKEN},test,test,system:masters\n{TENANT},tenant,tenant\n")
        for name, token in (("kubeconfig", TOKEN), ("tenant", TENANT)):
            (self.folder / name).write_text(KUBECONFIG % (token, port, self.folder / "server.crt"))
        self.api = Api(port, self.folder / "server.crt")

        self.run("etcd", "--data-dir=etcd", f"--listen-client-urls=http://127.0.0.1:{etcd}", f"--advertise-client-urls=http://127.0.0.1:{etcd}",
                 f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                 f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level=warn")
        self.run("apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}",
                 "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/16",
                 "--tls-cert-file=server.crt", "--tls-private-key-file=server.key", "--token-auth-file=tokens", "--authorization-mode=RBAC",
                 "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=accounts.key",
                 "--service-account-signing-key-file=accounts.key")
        until("the API server is ready", self.ready)
        # The autoscaler looks every second, so that no test waits for its 15.
        self.run("controller-manager", "--kubeconfig=kubeconfig", "--leader-elect=false", "--secure-port=0", "--root-ca-file=server.crt",
                 "--service-account-private-key-file=accounts.key", "--horizontal-pod-autoscaler-sync-period=1s")
        until("the controllers make default service accounts", lambda: self.answers("/api/v1/namespaces/default/serviceaccounts/default"))
        self.operators()
        self.kubelet = Kubelet(self.api)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    def run(self, part, *flags):
        with open(self.folder / f"{part}.log", "wb") as log:
            self.processes.append((part, subprocess.Popen([KUBE, part, *flags], cwd=self.folder, stdout=log, stderr=log)))

    def alive(self):
        for part, process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"{part} ended with {process.returncode}: {(self.folder / f'{part}.log').read_text()[-2000:]}")

    def answers(self, path):
        self.alive()
        try:
            return self.api.get(path)
        except (Refused, OSError, http.client.HTTPException):
            return None

    def ready(self):
        return self.answers("/readyz")

    def operators(self):
        """The definitions of the operators' resources, not the operators."""
        served = {}
        for path in sorted((TOOLS / "crds").glob("*.yaml")):
            for one in yaml.load_all(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if one and one["kind"] == "CustomResourceDefinition":
                    spec = self.api.create(one)["spec"]
                    for version in spec["versions"]:
                        if version["served"]:
                            served[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = spec["names"]["plural"]
        assert served, "no definitions in .tools/crds: helm/tools.sh installs them"
        for (version, kind), plural in served.items():
            until(f"{kind} is served", lambda version=version, plural=plural: self.answers(f"/apis/{version}/{plural}"))
        until("the operators' resources are discovered", lambda: self.discovered(served))

    def discovered(self, served):
        self.api.__dict__.pop("kinds", None)
        try:
            return served.keys() <= self.api.kinds.keys()
        except Refused:
            return False

    def stop(self):
        if self.kubelet:
            self.kubelet.stop()
        # The API server before its storage.
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


STARTED = []


def control_plane():
    if not STARTED:
        STARTED.append(ControlPlane())
    STARTED[0].alive()
    return STARTED[0]


def stop():
    for one in STARTED:
        one.stop()


def environment(folder, who="kubeconfig"):
    """Nothing of the user's own Helm, and no pause between requests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    return kept | {"KUBECONFIG": str(control_plane().folder / who), "HELM_CACHE_HOME": folder, "HELM_CONFIG_HOME": folder, "HELM_DATA_HOME": folder,
                   "HELM_QPS": "1000", "HELM_BURST_LIMIT": "1000"}
