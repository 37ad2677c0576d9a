"""Pods are restricted, images say which they are, and no manifest holds a password."""
import json

from . import matrix
from .kit import CHART, OPERATOR, SERVICES, VALUES, containers, every, find, objects, of_kind, pods, test


def everything():
    """Each set of values and each combination of settings, with its objects."""
    yield from every()
    for case in matrix.cases():
        yield str(case), objects(*matrix.arguments(case), *OPERATOR)


@test
def every_container_is_restricted():
    seen = set()
    for name, all_ in everything():
        for where, pod in pods(all_):
            at = f"{name} {where}"
            seen.add(where.split()[0])
            assert pod["automountServiceAccountToken"] is False, at
            assert pod["securityContext"]["runAsNonRoot"] is True, at
            assert pod["securityContext"]["runAsUser"] > 0, at
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, at
            for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
                assert not pod.get(forbidden), at
            assert not [volume for volume in pod.get("volumes", []) if "hostPath" in volume], at
            for container in containers(pod):
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False, at
                assert security["readOnlyRootFilesystem"] is True, at
                assert security["capabilities"] == {"drop": ["ALL"]}, at
                assert not {"runAsNonRoot", "runAsUser", "seccompProfile", "privileged"} & security.keys(), at
                assert container["resources"]["limits"]["memory"], at
                assert container["resources"]["requests"]["cpu"], at
        for account in of_kind(all_, "ServiceAccount"):
            assert account["automountServiceAccountToken"] is False, name
        assert not of_kind(all_, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), name
    assert seen == {"Deployment", "StatefulSet", "Job", "Pod"}, seen


@test
def every_image_says_which_it_is():
    for name, all_ in everything():
        images = [container["image"] for _, pod in pods(all_) for container in containers(pod)]
        images += [one["spec"]["imageName"] for one in of_kind(all_, "Cluster")]
        for image in images:
            tag = image.rsplit("/", 1)[-1].partition(":")[2]
            assert tag and tag != "latest", f"{name}: {image}"


@test
def only_a_trial_brings_its_secrets():
    for name, all_ in everything():
        made = {one["metadata"]["name"] for one in of_kind(all_, "Secret")}
        trial = name == "trial" or "'mode': 'dev'" in name
        assert made == ({"crewup-database", "crewup-clients"} if trial else set()), name
    dev = ["-f", CHART / "examples" / "trial.yaml", "--set", "database.namespace=data"]
    made = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in of_kind(objects(*dev), "Secret")}
    assert made == {("app", "crewup-database"), ("app", "crewup-clients"), ("data", "crewup-database")}


def keys_used(all_):
    for where, pod in pods(all_):
        for container in containers(pod):
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference:
                    yield where, reference["name"], reference["key"]


@test
def a_trial_lacks_no_secret():
    all_ = objects("-f", CHART / "examples" / "trial.yaml")
    there = {(one["metadata"]["name"], key) for one in of_kind(all_, "Secret") for key in one["stringData"]}
    used = {(name, key) for _, name, key in keys_used(all_)}
    assert used == there, used ^ there
    assert len(used) == 1 + len(SERVICES) + 4


@test
def passwords_come_from_secrets_only():
    for name, all_ in every():
        seen = 0
        for where, pod in pods(all_):
            for container in containers(pod):
                for variable in container.get("env", []):
                    at = f"{name} {where} {variable}"
                    if variable["name"].endswith(("_PASSWORD", "_SECRET")):
                        assert set(variable) == {"name", "valueFrom"}, at
                        reference = variable["valueFrom"]["secretKeyRef"]
                        assert reference["name"] and reference["key"], at
                        seen += 1
                    elif variable["name"] == "DATABASE_URL":
                        # tests.mesh says when it is which.
                        host = "db.example.org" if name == "single-node" else "postgres-service.app.svc.cluster.local"
                        assert f":$(DATABASE_PASSWORD)@{host}:5432/crewup?sslmode=" in variable["value"], at
                    else:
                        assert "://" not in variable.get("value", "") or "@" not in variable["value"], at
        assert seen >= 10, name
        [owner] = {(secret, key) for where, secret, key in keys_used(all_) if where.startswith("Job") and key in ("password", "owner-password")}
        assert owner == (("crewup-database-owner", "password") if of_kind(all_, "Cluster") else ("crewup-database", "owner-password")), name


@test
def what_a_secret_holds_is_nowhere_else():
    seen = 0
    for name, all_ in everything():
        secrets = of_kind(all_, "Secret")
        held = {value for one in secrets for value in (one.get("stringData", {}) | one.get("data", {})).values()}
        seen += len(held)
        rest = json.dumps([one for one in all_ if one["kind"] != "Secret"])
        for value in held | {"crewup_dev_", "eyJhbGciOi", "PRIVATE KEY"}:
            assert value not in rest, f"{name}: {value[:12]}.."
    assert seen, "no Secret is rendered anywhere"


@test
def only_the_services_with_peers_have_a_client():
    all_ = objects("-f", VALUES[0])
    for service in SERVICES:
        [container] = find(all_, "Deployment", f"crewup-{service}")["spec"]["template"]["spec"]["containers"]
        names = {variable["name"] for variable in container["env"]}
        assert ("CREWUP_CLIENT_SECRET" in names) == (service != "user"), service
