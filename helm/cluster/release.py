"""A release in a cluster of nobody else's: two empty namespaces with Pod Security enforced, and Helm."""
import contextlib
import json
import tempfile

from tests.kit import CHART, SERVICES, HelmAt

from .accepts import namespaces
from .server import Refused, control_plane, environment, until

EXAMPLES = CHART / "examples"
TRIAL = ["-f", EXAMPLES / "trial.yaml"]
PRODUCTION = ["-f", EXAMPLES / "production.yaml"]
PLACES = ("app", "data")
# What every namespace has by itself.
USUAL = {(place, *one) for place in PLACES for one in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"))}
# What is made of other objects.
MADE = ("Pod", "ReplicaSet", "ControllerRevision", "EndpointSlice")


class Release(HelmAt):
    patience = 180

    def __init__(self, folder):
        self.folder, self.plane = folder, control_plane()
        self.api, self.kubelet = self.plane.api, self.plane.kubelet
        self.env = environment(folder)

    def empty(self):
        """The namespaces gone with all that was in them, and made again."""
        self.kubelet.failing.clear()
        for name in PLACES:
            with contextlib.suppress(Refused):
                self.api.request("DELETE", f"/api/v1/namespaces/{name}")
        until("the namespaces of the last test are gone", lambda: not {one["metadata"]["name"] for one in self.api.get("/api/v1/namespaces")["items"]} & {*PLACES})
        namespaces()
        until("the namespaces have what all have", lambda: self.names() == USUAL)

    def install(self, *args):
        return self.does("install", "crewup", CHART, "--wait", "--timeout", "90s", *args)

    def upgrade(self, *args, chart=CHART):
        return self.does("upgrade", "crewup", chart, "--wait", "--timeout", "90s", *args)

    def there(self):
        """All but Helm's own records."""
        return {key: one for key, one in self.api.there(*PLACES).items() if one.get("type") != "helm.sh/release.v1"}

    def names(self):
        return set(self.there())

    def kept(self):
        """What somebody made, and not a controller out of something else."""
        return {key for key in self.names() if key[1] not in MADE} - USUAL

    def deployment(self, name):
        return self.api.get(f"/apis/apps/v1/namespaces/app/deployments/crewup-{name}")

    def replicas(self, name):
        return self.deployment(name)["spec"]["replicas"]

    def scale(self, name, replicas, manager="kubectl"):
        """As `kubectl scale` and an autoscaler do it."""
        self.api.request("PATCH", f"/apis/apps/v1/namespaces/app/deployments/crewup-{name}/scale", {"spec": {"replicas": replicas}},
                         "application/merge-patch+json", fieldManager=manager)

    def secrets(self):
        """As the chart's README says that somebody makes them."""
        keys = {"crewup-database": [f"{service}-password" for service in SERVICES], "crewup-clients": SERVICES,
                "crewup-database-owner": ["username", "password"], "crewup-backup": ["ACCESS_KEY_ID", "ACCESS_SECRET_KEY"]}
        for name, names in keys.items():
            self.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "app"}, "stringData": dict.fromkeys(names, "x"),
                             "type": "kubernetes.io/basic-auth" if name.endswith("-owner") else "Opaque"})
        return {("app", "Secret", name) for name in keys}


@contextlib.contextmanager
def release():
    with tempfile.TemporaryDirectory() as folder:
        one = Release(folder)
        one.empty()
        yield one
        assert not one.kubelet.errors, one.kubelet.errors[:3]


def wanted(all_):
    """What the chart says should be there, without the pod of `helm test`."""
    return {(one["metadata"]["namespace"], one["kind"], one["metadata"]["name"]) for one in all_ if one["kind"] != "Pod"}


def specs(there):
    return {key: {field: one[field] for field in ("spec", "data") if field in one} for key, one in there.items() if key[1] not in MADE}


def generations(there):
    return {key: one["metadata"].get("generation") for key, one in there.items()}


def mentions(one, text):
    return json.dumps({key: value for key, value in one.items() if key != "metadata"}).count(text)
