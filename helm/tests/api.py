"""A small Kubernetes API server for the real Helm: discovery, lists, watches and changes of the objects in store.py. What happens to
objects by itself is in controllers.py."""
import http.server
import json
import threading
import urllib.parse

import yaml

from . import protobuf
from .store import Refused, Store, fits, merged

# apiVersion, kind, plural, whether in a namespace.
BUILT_IN = [
    ("v1", "Namespace", "namespaces", False),
    ("v1", "Secret", "secrets", True),
    ("v1", "ConfigMap", "configmaps", True),
    ("v1", "Service", "services", True),
    ("v1", "ServiceAccount", "serviceaccounts", True),
    ("v1", "Pod", "pods", True),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True),
    ("v1", "Event", "events", True),
    ("apps/v1", "Deployment", "deployments", True),
    ("apps/v1", "StatefulSet", "statefulsets", True),
    ("apps/v1", "ReplicaSet", "replicasets", True),
    ("batch/v1", "Job", "jobs", True),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", True),
    ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", True),
    ("networking.k8s.io/v1", "Ingress", "ingresses", True),
]
OPERATORS = [
    ("monitoring.coreos.com/v1", "PodMonitor", "podmonitors", True),
    ("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules", True),
    ("cert-manager.io/v1", "Certificate", "certificates", True),
    ("postgresql.cnpg.io/v1", "Cluster", "clusters", True),
    ("postgresql.cnpg.io/v1", "ScheduledBackup", "scheduledbackups", True),
    ("barmancloud.cnpg.io/v1", "ObjectStore", "objectstores", True),
    ("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", True),
]


def openapi(kinds, path):
    """What Helm looks for before it sends anything: whether the server checks the fields of each kind."""
    if not path:
        places = {("api/" if version == "v1" else "apis/") + version for version, _ in kinds}
        return {"paths": {place: {"serverRelativeURL": f"/openapi/v3/{place}"} for place in places}}
    of, paths = "/".join(path[1:]), {}
    for (version, plural), (kind, namespaced) in kinds.items():
        if version == of:
            group, _, number = version.rpartition("/")
            paths[f"/{'/'.join(path)}/{'namespaces/{namespace}/' if namespaced else ''}{plural}/{{name}}"] = {"patch": {
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "x-kubernetes-group-version-kind": {"group": group, "version": number, "kind": kind}, "responses": {},
            }}
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.32.0"}, "paths": paths}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart: 40 ms for each answer otherwise.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    @property
    def store(self):
        return self.server.store

    def answer(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            self.dispatch(url.path.strip("/").split("/"), query, body)
        except Refused as refused:
            self.answer(refused.code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": refused.code,
                                       "reason": refused.reason, "message": str(refused)})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def dispatch(self, path, query, body):
        kinds = self.store.kinds
        groups = {}
        for version, _ in kinds:
            group, _, number = version.rpartition("/")
            groups.setdefault(group, {number: None})[number] = None
        if path == ["version"]:
            return self.answer(200, {"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
        if path == ["api"]:
            return self.answer(200, {"kind": "APIVersions", "versions": ["v1"]})
        if path == ["apis"]:
            named = [{"name": group, "versions": [{"groupVersion": f"{group}/{one}", "version": one} for one in numbers],
                      "preferredVersion": {"groupVersion": f"{group}/{next(iter(numbers))}", "version": next(iter(numbers))}}
                     for group, numbers in groups.items() if group]
            return self.answer(200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": named})
        if path[:2] == ["openapi", "v3"]:
            return self.answer(200, openapi(kinds, path[2:]))
        version, rest = ("v1", path[2:]) if path[0] == "api" else ("/".join(path[1:3]), path[3:])
        if path[0] not in ("api", "apis") or not any(one == version for one, _ in kinds):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if not rest:
            found = [{"name": plural, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind,
                      "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
                     for (one, plural), (kind, namespaced) in kinds.items() if one == version]
            return self.answer(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found})
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if (version, plural) not in kinds or len(rest) > 2:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        if self.command == "GET" and not name and query.get("watch") in ("true", "1"):
            return self.watch(version, plural, namespace, query)
        with self.store.lock:
            return self.answer(*self.resource(version, plural, namespace, name, query, body))

    def resource(self, version, plural, namespace, name, query, body):
        store, kind = self.store, self.store.kinds[version, plural][0]
        dry = "dryRun" in query
        key = (version, plural, namespace, name)
        if self.command == "GET" and not name:
            items = list(store.select(version, plural, namespace, query))
            return 200, {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": str(len(store.events))}, "items": items}
        if self.command == "POST":
            one = self.parsed(body)
            return 201, store.create((version, plural, namespace, one["metadata"]["name"]), one, dry)
        if self.command == "PATCH" and "apply-patch" in self.headers["Content-Type"]:
            one, there = self.parsed(body), key in store.objects
            if query.get("fieldValidation") == "Strict":
                try:
                    store.check(one)
                except Exception as error:
                    raise Refused(400, "BadRequest", f"strict decoding error: {error}") from error
            return 200 if there else 201, store.apply(key, one, query.get("fieldManager"), dry)
        if key not in store.objects:
            raise Refused(404, "NotFound", f'{plural} "{name}" not found')
        if self.command == "GET":
            return 200, store.objects[key]
        if self.command == "PUT":
            return 200, store.update(key, self.parsed(body), dry)
        if self.command == "PATCH" and self.headers["Content-Type"] in ("application/merge-patch+json", "application/strategic-merge-patch+json"):
            return 200, store.update(key, merged(store.objects[key], self.parsed(body)), dry)
        if self.command == "DELETE":
            return 200, store.delete(key, dry)
        raise Refused(415, "UnsupportedMediaType", f"{self.command} with {self.headers['Content-Type']}")

    def parsed(self, body):
        if self.headers["Content-Type"] == "application/vnd.kubernetes.protobuf":
            return protobuf.secret(body)
        return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def watch(self, version, plural, namespace, query):
        store = self.store
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def send(event, one):
            data = json.dumps({"type": event, "object": one}).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        with store.lock:
            at = len(store.events)
            first = list(store.select(version, plural, namespace, query)) if query.get("sendInitialEvents") == "true" else []
            if query.get("resourceVersion", "0") not in ("", "0") and not first:
                at = int(query["resourceVersion"])
        for one in first:
            send("ADDED", one)
        if query.get("sendInitialEvents") == "true":
            send("BOOKMARK", {"kind": store.kinds[version, plural][0], "apiVersion": version, "metadata": {
                "resourceVersion": str(at), "annotations": {"k8s.io/initial-events-end": "true"}}})
        while not self.server.stopping:
            with store.lock:
                if len(store.events) == at:
                    store.lock.wait(0.2)
                new, at = store.events[at:], len(store.events)
            for event, key, one in new:
                if key[:2] == (version, plural) and namespace in ("", key[2]) and fits(one, query):
                    send(event, one)
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, kinds, changed, check):
        super().__init__(("127.0.0.1", 0), Handler)
        self.store, self.stopping = Store(kinds, changed, check), False
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.stopping = True
        self.shutdown()
        self.server_close()
