"""A release's whole life with the real Helm, against the API server of api.py: Helm applies, waits, rolls back, tests and removes as it
would in a cluster. No container runs: what the pods would do is in controllers.py."""
import contextlib
import copy
import json
import os
import pathlib
import re
import tempfile

from . import api, valid
from .controllers import Controllers
from .kit import CHART, SERVICES, HelmAt, objects, test

EXAMPLES = CHART / "examples"
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
users: [{name: test, user: {}}]
clusters: [{name: test, cluster: {server: "http://127.0.0.1:%d"}}]
"""


class Cluster(HelmAt):
    def __init__(self, folder, failing, kinds):
        self.folder = folder
        self.server = api.Server(kinds, Controllers(failing), lambda one: valid.accepts("1.32", json.dumps(one, sort_keys=True)))
        config = pathlib.Path(folder) / "kubeconfig"
        config.write_text(KUBECONFIG % self.server.server_address[1])
        # Nothing of the user's own Helm, and no pause between requests.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
        self.env = kept | {"KUBECONFIG": str(config), "HELM_CACHE_HOME": folder, "HELM_CONFIG_HOME": folder, "HELM_DATA_HOME": folder,
                           "HELM_QPS": "1000", "HELM_BURST_LIMIT": "1000"}

    def there(self):
        """What is there, but for Helm's own records: {(namespace, kind, name): object}."""
        with self.server.store.lock:
            return {(key[2], one["kind"], key[3]): copy.deepcopy(one) for key, one in self.server.store.objects.items()
                    if one.get("type") != "helm.sh/release.v1"}

    def names(self):
        return set(self.there())

    def add(self, kind, name, **more):
        plural = next(plural for _, one, plural, _ in api.BUILT_IN if one == kind)
        namespace = "" if kind == "Namespace" else "app"
        with self.server.store.lock:
            self.server.store.create(("v1", plural, namespace, name), {"kind": kind, "metadata": {"name": name}, **more}, False)


@contextlib.contextmanager
def cluster(failing=(), kinds=None):
    with tempfile.TemporaryDirectory() as folder:
        made = Cluster(folder, failing, kinds or api.BUILT_IN + api.OPERATORS)
        try:
            yield made
        finally:
            made.server.stop()


def wanted(*args):
    """What the chart says should be there: without the pod of `helm test`, which comes and goes."""
    return {(one["metadata"]["namespace"], one["kind"], one["metadata"]["name"]) for one in objects(*args) if one["kind"] != "Pod"}


def specs(there):
    return {key: {field: one[field] for field in ("spec", "data", "stringData") if field in one} for key, one in there.items()}


INSTALL = ["install", "crewup", CHART, "--create-namespace", "--wait", "--timeout"]
TRIAL = ["-f", EXAMPLES / "trial.yaml"]
PRODUCTION = ["-f", EXAMPLES / "production.yaml"]
NAMESPACE, VOLUME = ("", "Namespace", "app"), ("app", "PersistentVolumeClaim", "data-postgres-0")


@test
def a_trial_lives_from_one_command_to_the_last():
    with cluster() as one:
        notes = one.does(*INSTALL, "30s", *TRIAL)
        assert "has no backup" in notes and "known to everybody" in notes
        first = one.there()
        assert set(first) == wanted(*TRIAL) | {NAMESPACE, VOLUME}
        [job] = [key for key in first if key[1] == "Job"]

        # The next version of the chart and of everything: a Job of another name, the old one gone, every service on the new image;
        # edge and database, in which nothing is new, are not started again.
        one.does("package", CHART, "--version", "9.9.9", "--app-version", "9.9.9", "--destination", one.folder)
        one.does("upgrade", "crewup", f"{one.folder}/crewup-9.9.9.tgz", "--wait", "--timeout", "30s", *TRIAL)
        second = one.there()
        [next_job] = [key for key in second if key[1] == "Job"]
        assert next_job != job and set(second) - {next_job} == set(first) - {job}
        for key, found in second.items():
            images = json.dumps(found).count("crewup/crewup:9.9.9")
            assert images == {"Deployment": 0 if key[2] == "crewup-edge" else 2, "Job": 2}.get(key[1], 0), key
            if not images and key in first:
                assert found["metadata"]["generation"] == first[key]["metadata"]["generation"], f"{key} was changed for nothing"

        one.does("rollback", "crewup", "1", "--wait", "--timeout", "30s")
        assert specs(one.there()) == specs(first)
        assert json.loads(one.does("history", "crewup", "-o", "json"))[-1]["description"] == "Rollback to 1"

        assert "Succeeded" in one.does("test", "crewup", "--timeout", "20s")
        assert one.names() == set(first), "the pod of a passed test goes"

        one.does("uninstall", "crewup", "--wait", "--timeout", "20s")
        assert one.names() == {NAMESPACE, VOLUME}, one.names()


@test
def the_same_again_changes_nothing():
    with cluster() as one:
        one.does(*INSTALL, "30s", *TRIAL)
        first = one.there()
        one.does("upgrade", "crewup", CHART, "--wait", "--timeout", "30s", *TRIAL)
        assert {key: found["metadata"]["generation"] for key, found in one.there().items()} == \
            {key: found["metadata"]["generation"] for key, found in first.items()}


def secrets_of_production(one, without=()):
    keys = {"crewup-database": [f"{service}-password" for service in SERVICES], "crewup-clients": SERVICES,
            "crewup-database-owner": ["username", "password"], "crewup-backup": ["ACCESS_KEY_ID", "ACCESS_SECRET_KEY"]}
    for name in keys.keys() - set(without):
        one.add("Secret", name, type="Opaque", stringData=dict.fromkeys(keys[name], "x"))
    return {("app", "Secret", name) for name in keys}


@test
def production_keeps_its_data_when_it_goes_and_takes_it_up_when_it_comes_back():
    with cluster() as one:
        one.add("Namespace", "app")
        mine = secrets_of_production(one) | {NAMESPACE}
        notes = one.does(*INSTALL, "30s", *PRODUCTION)
        assert "goes back to any moment of 30d" in notes and "has no backup" not in notes
        # The operators made the Secrets of the certificates.
        made = ["edge-tls", "postgres-ca", *(f"crewup-{workload}-tls" for workload in (*SERVICES, "edge", "migrate", "postgres"))]
        mine |= {("app", "Secret", name) for name in made}
        operator = ["--api-versions", "monitoring.coreos.com/v1/PodMonitor", "--api-versions", "monitoring.coreos.com/v1/PrometheusRule"]
        assert one.names() == wanted(*PRODUCTION, *operator) | mine
        assert [key for key in one.names() if key[1] == "PrometheusRule"]

        one.does("uninstall", "crewup", "--wait", "--timeout", "20s")
        data = {("app", kind, "postgres") for kind in ("Cluster", "ObjectStore", "ScheduledBackup")} | {("app", "Certificate", "crewup-postgres-tls")}
        assert one.names() == mine | data, one.names() ^ (mine | data)
        kept = one.there()["app", "Cluster", "postgres"]["metadata"]["uid"]
        one.does(*INSTALL, "30s", *PRODUCTION)
        assert one.there()["app", "Cluster", "postgres"]["metadata"]["uid"] == kept


@test
def turning_autoscaling_on_takes_the_number_of_replicas_back():
    with cluster() as one:
        one.does(*INSTALL, "30s", *TRIAL)
        assert one.there()["app", "Deployment", "crewup-event"]["spec"]["replicas"] == 1
        one.does("upgrade", "crewup", CHART, "--wait", "--timeout", "30s", *TRIAL, "--set", "serviceDefaults.autoscaling.enabled=true")
        there = one.there()
        assert "replicas" not in there["app", "Deployment", "crewup-event"]["spec"]
        assert ("app", "HorizontalPodAutoscaler", "crewup-event") in there


@test
def without_the_operators_there_is_nothing_for_them():
    with cluster(kinds=api.BUILT_IN) as one:
        notes = one.does(*INSTALL, "30s", *TRIAL, "--set", "monitoring.enabled=true")
        assert "the Prometheus operator is not here" in notes
        # The dashboard is Grafana's, which needs no operator.
        assert one.names() == wanted(*TRIAL, "--set", "monitoring.enabled=true") | {NAMESPACE, VOLUME}
        assert not {kind for _, kind, _ in one.names()} & {"PodMonitor", "PrometheusRule"}


@test
def what_does_not_come_up_is_noticed():
    """That Helm waits for something at all: each of these is missing something that the chart needs."""
    for what, failing, missing, waits_for in [
        ("a migration that fails", {"migrate"}, (), {"Job", *SERVICES}),
        ("a service that does not start", {"crewup-group"}, (), {"group"}),
        ("no passwords", (), {"crewup-database"}, {"Job", *SERVICES}),
        ("no clients", (), {"crewup-clients"}, {*SERVICES} - {"user"}),
        ("no owner", (), {"crewup-database-owner"}, {"Job", *SERVICES}),
    ]:
        with cluster(failing) as one:
            one.add("Namespace", "app")
            secrets_of_production(one, missing)
            run = one.helm(*INSTALL, "2s", *PRODUCTION)
            assert run.returncode != 0, f"{what}: was installed"
            found = {"Job" if kind == "Job" else name.removeprefix("crewup-") for kind, name in re.findall(r"resource (\w+)/app/(\S+) not ready", run.stderr)}
            assert found == waits_for, f"{what}: {run.stderr}"


@test
def each_pod_waits_for_its_own_certificate():
    """Where somebody makes the Secrets: what is missing is waited for, by nobody but its workload, and nothing else has to be done."""
    by_hand = [*PRODUCTION, "--set", "mesh.tls.kind=secrets"]
    of = {workload: f"crewup-{workload}-tls" for workload in (*SERVICES, "edge", "migrate")}
    late = ("group", "edge")
    with cluster() as one:
        one.add("Namespace", "app")
        secrets_of_production(one)
        for workload in of.keys() - set(late):
            one.add("Secret", of[workload], stringData=dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "x"))
        run = one.helm(*INSTALL, "2s", *by_hand)
        assert run.returncode != 0
        assert set(re.findall(r"resource (\w+/app/\S+) not ready", run.stderr)) == {f"Deployment/app/crewup-{workload}" for workload in late}, run.stderr
        for workload in late:
            one.add("Secret", of[workload], stringData=dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "x"))
        one.does("upgrade", "crewup", CHART, "--wait", "--timeout", "30s", *by_hand)


@test
def an_upgrade_that_does_not_come_up_is_taken_back():
    bad = "ghcr.io/crewup/crewup:bad"
    with cluster({bad}) as one:
        one.does(*INSTALL, "30s", *TRIAL)
        first = one.there()
        run = one.helm("upgrade", "crewup", CHART, "--wait", "--rollback-on-failure", "--timeout", "3s", *TRIAL, "--set", "image.tag=bad")
        assert run.returncode != 0, "an image that does not start was taken"
        assert "not ready" in run.stderr, run.stderr
        assert specs(one.there()) == specs(first)
        assert bad not in json.dumps(list(one.there().values()))


@test
def a_call_that_fails_fails_the_test():
    with cluster({"crewup-test-call"}) as one:
        one.does(*INSTALL, "30s", *TRIAL)
        run = one.helm("test", "crewup", "--timeout", "5s")
        assert run.returncode != 0, run.stdout
        assert ("app", "Pod", "crewup-test-call") in one.names(), "its log is what one wants to read"
