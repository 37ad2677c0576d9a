"""What stands in for nodes and operators: it writes the status of pods, and runs nothing. A pod starts only where the Secrets, ConfigMaps
and keys that it names are, the migration finishes only when postgres-service and its server are there, services wait for a migration, and
the call of `helm test` succeeds only when the edge is ready. Deployments, Jobs and the rest are the real controllers' work."""
import datetime
import http.client
import threading

MERGE = "application/merge-patch+json"
COMPONENT = "app.kubernetes.io/component"


def is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod.get("status", {}).get("conditions", []))


def component(one):
    return one["metadata"].get("labels", {}).get(COMPONENT)


class Kubelet:
    def __init__(self, api):
        self.api, self.failing, self.made, self.errors = api, set(), set(), []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join(10)

    def work(self):
        while not self.stopping.wait(0.1):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001: an object that went meanwhile is looked at no more; all else is kept to be seen
                if getattr(error, "code", 0) not in (404, 409) and not isinstance(error, (OSError, http.client.HTTPException)):
                    self.errors.append(repr(error))

    def items(self, path):
        return self.api.get(path)["items"]

    def look(self):
        pods = self.items("/api/v1/pods")
        waiting = [pod for pod in pods if not is_ready(pod) and pod["status"].get("phase") == "Pending" and "deletionTimestamp" not in pod["metadata"]]
        if waiting:
            things = {kind: {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in self.items(f"/api/v1/{kind}")}
                      for kind in ("secrets", "configmaps", "services")}
            for pod in waiting:
                if self.starts(pod, things):
                    self.advance(pod, pods, things)
        for one in self.items("/apis/cert-manager.io/v1/certificates"):
            self.certificate(one)
        for one in self.items("/apis/postgresql.cnpg.io/v1/clusters"):
            self.authority(one)

    def starts(self, pod, things):
        namespace, spec = pod["metadata"]["namespace"], pod["spec"]
        for container in spec.get("initContainers", []) + spec["containers"]:
            if container["image"] in self.failing:
                return False
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference and reference["key"] not in things["secrets"].get((namespace, reference["name"]), {}).get("data", {}):
                    return False
        return all((namespace, volume[kind][field]) in things[things_of] for volume in spec.get("volumes", [])
                   for kind, field, things_of in (("secret", "secretName", "secrets"), ("configMap", "name", "configmaps")) if kind in volume)

    def advance(self, pod, pods, things):
        role = component(pod)
        if role in self.failing:
            return
        if role == "migrate":
            servers = [one for one in pods if component(one) == "postgres"]
            if any(name == "postgres-service" for _, name in things["services"]) and all(map(is_ready, servers)):
                self.finish(pod, "Succeeded")
            return
        if role == "test":
            self.finish(pod, "Succeeded" if any(is_ready(one) for one in pods if component(one) == "edge") else "Failed")
            return
        waits = any(one.get("command", [])[:2] == ["crewup-migrate", "wait"] for one in pod["spec"].get("initContainers", []))
        if waits and not any(job.get("status", {}).get("succeeded") for job in self.items("/apis/batch/v1/jobs")):
            return
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.status(pod, {"phase": "Running", "startTime": now, "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Initialized", "ContainersReady", "Ready")]})

    def finish(self, pod, phase):
        self.status(pod, {"phase": phase, "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]})

    def status(self, one, status):
        self.api.request("PATCH", self.api.path(one | self.kind(one), one["metadata"]["name"]) + "/status", {"status": status}, MERGE)

    @staticmethod
    def kind(one):
        """Of an item of a list, which does not say it."""
        return {"apiVersion": "v1", "kind": "Pod"} if "containers" in one["spec"] else {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"}

    def authority(self, cluster):
        """As CloudNativePG's operator does, for its servers."""
        about = cluster["metadata"]
        if about["uid"] not in self.made:
            self.api.apply({"apiVersion": "v1", "kind": "Secret", "stringData": {"ca.crt": "x", "ca.key": "x"},
                            "metadata": {"name": f"{about['name']}-ca", "namespace": about["namespace"]}}, "cnpg")
            self.made.add(about["uid"])

    def certificate(self, one):
        """As cert-manager does: the Secret, and that it is ready."""
        if one.get("status", {}).get("conditions"):
            return
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "stringData": dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "x"),
                  "metadata": {"name": one["spec"]["secretName"], "namespace": one["metadata"]["namespace"]}}
        self.api.apply(secret, "cert-manager")
        self.status(one, {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": one["metadata"]["generation"]}]})
