"""What a cluster does by itself with the objects of this chart, as far as Helm waits for it. Pods start only where the Secrets and
ConfigMaps that they name are, the migration finishes only where postgres-service is, services are ready only when a migration
has finished, and the call of `helm test` succeeds only where the edge is ready: what would hang in a cluster hangs here."""
import copy

from .kit import template_of


class Controllers:
    def __init__(self, failing=()):
        # Names of Deployments and Pods that never succeed, `migrate` for the Job, and images that do not start.
        self.failing = set(failing)

    def __call__(self, store):
        """Until nothing changes any more."""
        while True:
            before = len(store.events)
            for key, one in list(store.objects.items()):
                act = getattr(self, one["kind"].lower(), None)
                if act:
                    act(store, key, one)
            if len(store.events) == before:
                return

    def starts(self, store, one):
        """Whether the pods of an object have all that they name."""
        namespace, (_, spec) = one["metadata"]["namespace"], template_of(one)
        for container in spec.get("initContainers", []) + spec["containers"]:
            if container["image"] in self.failing:
                return False
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    secret = store.objects.get(("v1", "secrets", namespace, reference["name"]))
                    if not secret or reference["key"] not in secret.get("data", {}):
                        return False
        for volume in spec.get("volumes", []):
            if "configMap" in volume and ("v1", "configmaps", namespace, volume["configMap"]["name"]) not in store.objects:
                return False
            if "secret" in volume and ("v1", "secrets", namespace, volume["secret"]["secretName"]) not in store.objects:
                return False
        account = spec.get("serviceAccountName")
        return not account or ("v1", "serviceaccounts", namespace, account) in store.objects

    def all_of(self, store, kind):
        return [one for one in store.objects.values() if one["kind"] == kind]

    def job(self, store, key, one):
        database = any(service["metadata"]["name"] == "postgres-service" for service in self.all_of(store, "Service"))
        server = all(found.get("status", {}).get("readyReplicas") for found in self.all_of(store, "StatefulSet"))
        if "migrate" not in self.failing and database and server and self.starts(store, one):
            store.set_status(key, {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:01Z",
                                   "conditions": [{"type": "Complete", "status": "True"}]})

    def deployment(self, store, key, one):
        generation, wanted = one["metadata"]["generation"], one["spec"].get("replicas", 1)
        waits = any(container.get("command", [])[:2] == ["crewup-migrate", "wait"]
                    for container in one["spec"]["template"]["spec"].get("initContainers", []))
        migrated = any(condition["type"] == "Complete" for job in self.all_of(store, "Job") for condition in job.get("status", {}).get("conditions", []))
        ready = one["metadata"]["name"] not in self.failing and self.starts(store, one) and (migrated or not waits)
        progressing = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" if ready else "ReplicaSetUpdated"}
        store.set_status(key, {
            "observedGeneration": generation, "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": wanted if ready else 0,
            "availableReplicas": wanted if ready else 0,
            "conditions": [progressing, {"type": "Available", "status": "True" if ready else "False"}],
        })

    def statefulset(self, store, key, one):
        wanted = one["spec"]["replicas"] if self.starts(store, one) and one["metadata"]["name"] not in self.failing else 0
        store.set_status(key, {
            "observedGeneration": one["metadata"]["generation"], "replicas": wanted, "readyReplicas": wanted, "updatedReplicas": wanted,
            "currentReplicas": wanted, "availableReplicas": wanted, "currentRevision": "one", "updateRevision": "one",
        })
        for claim in one["spec"]["volumeClaimTemplates"]:
            name = f"{claim['metadata']['name']}-{one['metadata']['name']}-0"
            place = ("v1", "persistentvolumeclaims", key[2], name)
            if place not in store.objects:
                store.create(place, {"metadata": {"name": name}, "spec": claim["spec"]}, False)

    def service(self, store, key, one):
        if one["spec"].get("type") == "ExternalName":
            return
        if "clusterIP" not in one["spec"]:
            one = copy.deepcopy(one)
            one["spec"]["clusterIP"] = "10.0.0.1"
            store.put(key, one, "MODIFIED")
        if one["spec"].get("type") == "LoadBalancer":
            store.set_status(key, {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}})

    def poddisruptionbudget(self, store, key, one):
        store.set_status(key, {"observedGeneration": one["metadata"]["generation"], "currentHealthy": 1, "desiredHealthy": 1,
                               "disruptionsAllowed": 1, "expectedPods": 1})

    def certificate(self, store, key, one):
        """cert-manager fills the Secret."""
        place = ("v1", "secrets", key[2], one["spec"]["secretName"])
        if place not in store.objects:
            data = dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "")
            store.create(place, {"metadata": {"name": place[3]}, "type": "kubernetes.io/tls", "data": data}, False)
        store.set_status(key, {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": one["metadata"]["generation"]}]})

    def cluster(self, store, key, one):
        """The operator of CloudNativePG makes an authority for the servers."""
        place = ("v1", "secrets", key[2], f"{key[3]}-ca")
        if place not in store.objects:
            store.create(place, {"metadata": {"name": place[3]}, "type": "Opaque", "data": {"ca.crt": "", "ca.key": ""}}, False)

    def pod(self, store, key, one):
        served = all(found.get("status", {}).get("readyReplicas") for found in self.all_of(store, "Deployment"))
        failed = one["metadata"]["name"] in self.failing or not served or not self.starts(store, one)
        store.set_status(key, {"phase": "Failed" if failed else "Succeeded",
                               "conditions": [{"type": "Ready", "status": "False", "reason": "PodFailed" if failed else "PodCompleted"}]})
