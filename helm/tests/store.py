"""Objects in memory, as Kubernetes keeps them: server-side apply and merge patches, selectors, and the history that watches read. It
refuses what a chart can run into: an absent namespace, a field that cannot be changed."""
import base64
import copy
import threading

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


def finished(one):
    one = copy.deepcopy(one)
    if one.get("kind") == "Secret" and "stringData" in one:
        for key, value in one.pop("stringData").items():
            one.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    return one
