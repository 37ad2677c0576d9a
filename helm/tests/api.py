"""A small Kubernetes API server for the real Helm: resources in memory, discovery, lists, watches and patches. It keeps what
Kubernetes refuses that a chart can run into: an absent namespace, a kind that nobody defined, a field that cannot be changed.
What happens to objects by itself is in controllers.py."""
import base64
import copy
import http.server
import json
import threading
import urllib.parse

import yaml

from . import protobuf

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
# What cannot be changed once it is there.
FIXED = {
    "Job": [("spec", "template"), ("spec", "selector")],
    "Deployment": [("spec", "selector")],
    "StatefulSet": [("spec", "selector"), ("spec", "serviceName"), ("spec", "volumeClaimTemplates")],
    "Service": [("spec", "clusterIP")],
}


class Refused(Exception):
    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code, self.reason = code, reason


def merged(old, new):
    """JSON merge patch (RFC 7386)."""
    if not isinstance(new, dict):
        return copy.deepcopy(new)
    made = copy.deepcopy(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


def without(old, before, now):
    """Takes away what somebody applied before and does not apply now. Lists are one value."""
    if not (isinstance(old, dict) and isinstance(before, dict) and isinstance(now, dict)):
        return old
    return {key: without(value, before.get(key), now.get(key)) for key, value in old.items() if key not in before or key in now}


def matches(selector, labels):
    depth, part, parts = 0, "", []
    for letter in selector + ",":
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += letter
    for one in filter(None, map(str.strip, parts)):
        if " in (" in one or " notin (" in one:
            key, word, values = one.split(" ", 2)
            if (labels.get(key) in [value.strip() for value in values.strip("()").split(",")]) != (word == "in"):
                return False
        elif "!=" in one:
            key, value = one.split("!=")
            if labels.get(key) == value:
                return False
        elif "=" in one:
            key, value = one.replace("==", "=").split("=")
            if labels.get(key) != value:
                return False
        elif (one.removeprefix("!") in labels) == one.startswith("!"):
            return False
    return True


class Store:
    """The objects, by (apiVersion, plural, namespace, name), and what happened to them."""

    def __init__(self, kinds, changed, check):
        self.check = check
        self.kinds = {(version, plural): (kind, namespaced) for version, kind, plural, namespaced in kinds}
        self.lock = threading.Condition(threading.RLock())
        self.objects, self.applied, self.events = {}, {}, []
        # Called with the store, locked, after every change. `check` raises for an object that is not valid.
        self.changed = changed

    def put(self, key, one, event):
        self.events.append((event, key, None))
        revision = len(self.events)
        one["metadata"]["resourceVersion"] = str(revision)
        self.events[-1] = (event, key, copy.deepcopy(one))
        if event == "DELETED":
            self.objects.pop(key)
        else:
            self.objects[key] = one
        self.lock.notify_all()

    def create(self, key, one, dry):
        version, plural, namespace, name = key
        if self.kinds[key[:2]][1] and ("v1", "namespaces", "", namespace) not in self.objects:
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')
        if key in self.objects:
            raise Refused(409, "AlreadyExists", f'{plural} "{name}" already exists')
        one = finished(one)
        one["metadata"].update(uid=f"uid-{len(self.events)}", generation=1, creationTimestamp="2026-01-01T00:00:00Z", name=name)
        if namespace:
            one["metadata"]["namespace"] = namespace
        one.setdefault("apiVersion", version)
        one.setdefault("kind", self.kinds[key[:2]][0])
        if not dry:
            self.put(key, one, "ADDED")
            self.changed(self)
        return one

    def update(self, key, one, dry):
        old = self.objects[key]
        one = finished(one)
        for path in FIXED.get(old["kind"], []):
            before, now = old, one
            for step in path:
                before, now = (before or {}).get(step), (now or {}).get(step)
            if before != now:
                raise Refused(422, "Invalid", f'{old["kind"]} "{key[3]}" is invalid: {".".join(path)}: field is immutable')
        for field in ("uid", "creationTimestamp", "generation"):
            one["metadata"][field] = old["metadata"][field]
        one["metadata"]["generation"] += one.get("spec") != old.get("spec")
        if not dry:
            self.put(key, one, "MODIFIED")
            self.changed(self)
        return one

    def set_status(self, key, status):
        one = copy.deepcopy(self.objects[key])
        if one.get("status") != status:
            one["status"] = status
            self.put(key, one, "MODIFIED")

    def apply(self, key, body, manager, dry):
        """Server-side apply, without conflicts and with lists as one value."""
        before = self.applied.get((key, manager), {})
        old = self.objects.get(key)
        made = merged(without(old, before, body), body) if old else body
        found = self.update(key, made, dry) if old else self.create(key, made, dry)
        if not dry:
            self.applied[key, manager] = copy.deepcopy(body)
        return found

    def delete(self, key, dry):
        one = copy.deepcopy(self.objects[key])
        if not dry:
            self.put(key, one, "DELETED")
            for applied in [applied for applied in self.applied if applied[0] == key]:
                del self.applied[applied]
            self.changed(self)
        return one

    def select(self, version, plural, namespace, query):
        wanted = dict(part.split("=", 1) for part in query.get("fieldSelector", "").replace("==", "=").split(",") if part)
        for key, one in self.objects.items():
            if key[:2] == (version, plural) and namespace in ("", key[2]) and fits(one, query, wanted):
                yield one


def fits(one, query, wanted=None):
    wanted = wanted or dict(part.split("=", 1) for part in query.get("fieldSelector", "").replace("==", "=").split(",") if part)
    return matches(query.get("labelSelector", ""), one["metadata"].get("labels") or {}) \
        and wanted.get("metadata.name", one["metadata"]["name"]) == one["metadata"]["name"]


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


def finished(one):
    one = copy.deepcopy(one)
    if one.get("kind") == "Secret" and "stringData" in one:
        for key, value in one.pop("stringData").items():
            one.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    return one


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
