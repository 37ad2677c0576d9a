"""What the API server says to everything that the chart renders: dry runs, by its own schemas, defaults, validation, CEL rules of the
operators' definitions, and admission."""
import copy
import json
import tempfile

import yaml

from tests import matrix
from tests.kit import CHART, VALUES, helm, of_kind, template_of, test

from .server import Refused, control_plane, environment

RESTRICTED = {f"pod-security.kubernetes.io/{what}": "restricted" for what in ("enforce", "warn")}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rendered(*args, release="crewup"):
    """With what this server has, as for an install."""
    with tempfile.TemporaryDirectory() as folder:
        run = helm("template", release, CHART, "--namespace", "app", "--dry-run=server", *args, env=environment(folder))
    assert run.returncode == 0, run.stderr
    return [one for one in yaml.load_all(run.stdout, Loader=LOADER) if one]


def namespaces():
    api = control_plane().api
    for name in ("app", "data"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    return api


def pods_of(one):
    """The pods that an object would make. Pod Security refuses these, not the object."""
    found = template_of(one)
    if found:
        labels, spec = found
        spec = copy.deepcopy(spec)
        # Accounts are looked up; here nothing was installed.
        spec.pop("serviceAccountName", None)
        if one["kind"] != "Pod":
            spec.setdefault("restartPolicy", "Always")
        # The claims of a StatefulSet are volumes of its pods.
        spec["volumes"] = spec.get("volumes", []) + [{"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "x"}}
                                                     for claim in one["spec"].get("volumeClaimTemplates", [])]
        yield {"apiVersion": "v1", "kind": "Pod", "spec": spec,
               "metadata": {"name": one["metadata"]["name"], "namespace": one["metadata"]["namespace"], "labels": labels}}


def refused(one, word):
    try:
        control_plane().api.dry(one)
    except Refused as error:
        assert word in str(error), f"{one['kind']}, instead of {word}: {error}"
        return
    raise AssertionError(f"{one['kind']} that should be refused with {word} was taken")


@test
def every_example_and_every_pair_of_settings_is_taken_by_the_server():
    api, seen, kinds = namespaces(), set(), set()
    api.warnings.clear()
    sets = [["-f", values] for values in VALUES] + [matrix.arguments(case) for case in matrix.cases()]
    for arguments in sets:
        for one in rendered(*arguments):
            text = json.dumps(one, sort_keys=True)
            if text in seen:
                continue
            seen.add(text)
            kinds.add(one["kind"])
            for what in (one, *pods_of(one)):
                try:
                    api.dry(what)
                except Refused as error:
                    raise AssertionError(f"{arguments}, {what['kind']} {what['metadata']['name']}: {error}") from error
    assert len(sets) >= 20 and len(seen) > 300, (len(sets), len(seen))
    assert kinds == {
        "Secret", "ConfigMap", "Service", "ServiceAccount", "Pod", "Deployment", "StatefulSet", "Job", "PodDisruptionBudget", "HorizontalPodAutoscaler",
        "NetworkPolicy", "Ingress", "HTTPRoute", "Certificate", "PodMonitor", "PrometheusRule", "Cluster", "ObjectStore", "ScheduledBackup"}, kinds
    assert not api.warnings, api.warnings[:5]


def one_of_each_kind():
    found = {}
    for values in VALUES:
        for one in rendered("-f", values):
            found.setdefault(one["kind"], one)
    return found


def changed(one, path, value):
    one = copy.deepcopy(one)
    *steps, last = path
    at = one
    for step in steps:
        at = at[step]
    at[last] = value
    return one


@test
def a_misspelt_field_of_any_kind_is_refused():
    namespaces()
    of = one_of_each_kind()
    for kind, one in of.items():
        place = "spec" if "spec" in one else "metadata"
        refused(changed(one, [place, "replica"], 1), "replica")
    assert len(of) == 19, of.keys()


@test
def values_that_only_a_server_judges_are_refused():
    """That it is a real one: these pass a schema of types."""
    namespaces()
    of = one_of_each_kind()
    policy = next(one for one in rendered("-f", CHART / "examples" / "single-node.yaml") if one["kind"] == "NetworkPolicy"
                  and "ipBlock" in json.dumps(one))
    for one, path, value, word in [
        (of["HorizontalPodAutoscaler"], ["spec", "minReplicas"], 99, "minReplicas"),
        (of["PodDisruptionBudget"], ["spec", "minAvailable"], 1, "minAvailable and maxUnavailable cannot be both set"),
        (policy, ["spec", "egress"], [{"to": [{"ipBlock": {"cidr": "192.0.2.10/33"}}]}], "cidr"),
        (of["Service"], ["spec", "ports"], [{"port": 0}], "port"),
        (of["Deployment"], ["spec", "selector", "matchLabels"], {"a": "b"}, "selector"),
        (of["Deployment"], ["spec", "template", "spec", "containers", 0, "volumeMounts"], [{"name": "no", "mountPath": "/x"}], "volumeMounts"),
        (of["Job"], ["metadata", "name"], "Migrate_1", "metadata.name"),
        (of["Ingress"], ["spec", "rules", 0, "http", "paths", 0, "path"], "all", "path"),
        (of["HTTPRoute"], ["spec", "rules", 0, "timeouts"], {"request": "1s", "backendRequest": "2s"}, "backendRequest timeout cannot be longer"),
        (of["Certificate"], ["spec", "privateKey", "algorithm"], "DSA", "privateKey"),
        (of["Certificate"], ["spec", "privateKey", "rotationPolicy"], "Sometimes", "rotationPolicy"),
        (of["Certificate"], ["spec", "usages"], ["signing everything"], "usages"),
        (of["PodMonitor"], ["spec", "podMetricsEndpoints", 0, "interval"], "soon", "interval"),
        (of["Cluster"], ["spec", "instances"], 0, "instances"),
        (of["Cluster"], ["spec", "postgresql", "synchronous", "method"], "all", "method"),
        (of["ScheduledBackup"], ["spec", "method"], "copy", "method"),
        (of["ObjectStore"], ["spec", "retentionPolicy"], "long", "retentionPolicy"),
    ]:
        refused(changed(one, path, value), word)


@test
def pod_security_refuses_less_than_restricted():
    """Each line of the pods' security that a policy asks for is asked for: without it the server says no."""
    namespaces()
    [pod] = pods_of(of_kind(rendered("-f", CHART / "examples" / "trial.yaml"), "StatefulSet")[0])
    control_plane().api.dry(pod)
    container = ["spec", "containers", 0, "securityContext"]
    for path, value, word in [
        (["spec", "securityContext", "runAsNonRoot"], False, "runAsNonRoot"),
        (["spec", "securityContext", "runAsUser"], 0, "runAsUser"),
        (["spec", "securityContext", "seccompProfile"], None, "seccompProfile"),
        ([*container, "allowPrivilegeEscalation"], True, "allowPrivilegeEscalation"),
        ([*container, "capabilities"], {}, "capabilities"),
        (["spec", "hostNetwork"], True, "host"),
        (["spec", "volumes"], [{"name": name, "hostPath": {"path": "/"}} for name in ("data", "run", "tmp")], "hostPath"),
    ]:
        refused(changed(pod, path, value), word)


@test
def the_longest_name_of_a_release_is_taken_and_a_longer_one_refused():
    api, all_ = namespaces(), rendered("-f", CHART / "examples" / "production.yaml", release="r" * 41)
    for one in all_:
        api.dry(one)
    [job] = of_kind(all_, "Job")
    refused(changed(job, ["metadata", "name"], f"r{job['metadata']['name']}"), "63")
    run = helm("template", "r" * 42, CHART, "--namespace", "app", "-f", VALUES[0])
    assert run.returncode != 0 and "name of the release is longer" in run.stderr, run.stderr
