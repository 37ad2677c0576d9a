"""A release's whole life against the API server and the controllers: what they refuse, fill in, own, make and clear away."""
import itertools
import json

from tests import matrix
from tests.kit import CHART, SERVICES, find, template_of, test

from .accepts import rendered
from .release import MADE, PRODUCTION, TRIAL, generations, mentions, release, specs, wanted
from .server import Refused, environment, until

VOLUME = ("app", "PersistentVolumeClaim", "data-postgres-0")


def jobs(there):
    return {key for key in there if key[1] == "Job"}


@test
def a_trial_lives_from_one_command_to_the_last():
    with release() as one:
        one.install(*TRIAL)
        first = one.there()
        assert one.kept() == wanted(rendered(*TRIAL)) | {VOLUME}
        pods = [found for key, found in first.items() if key[1] == "Pod"]
        # One of each service, the edge, the database, and the migration's, all made under Pod Security "restricted".
        assert len(pods) == len(SERVICES) + 3, len(pods)
        for pod in pods:
            volumes = json.dumps(pod["spec"].get("volumes", []))
            assert "serviceAccountToken" not in volumes, f"{pod['metadata']['name']} has a token"

        # The next version of everything: a Job of another name, the old one and its pod gone; edge and database not started again.
        one.does("package", CHART, "--version", "9.9.9", "--app-version", "9.9.9", "--destination", one.folder)
        one.upgrade(*TRIAL, chart=f"{one.folder}/crewup-9.9.9.tgz")
        second = one.there()
        assert len(jobs(second)) == 1 and not jobs(second) & jobs(first), jobs(second)
        for key, found in second.items():
            if key[1] in ("Deployment", "Job"):
                assert mentions(found, "crewup/crewup:9.9.9") == (0 if key[2] == "crewup-edge" else 2), key
            if key[1] in ("Deployment", "StatefulSet") and not mentions(found, "9.9.9"):
                assert found["metadata"]["generation"] == first[key]["metadata"]["generation"], f"{key} was changed for nothing"
        sets = [found["metadata"]["labels"]["app.kubernetes.io/component"] for key, found in second.items() if key[1] == "ReplicaSet"]
        assert sorted(sets) == sorted([*SERVICES, *SERVICES, "edge"]), sets
        until("the old migration's pod is gone", lambda: len([key for key in one.names() if key[1] == "Pod" and "migrate" in key[2]]) == 1)

        one.does("rollback", "crewup", "1", "--wait", "--timeout", "90s")
        back = one.there()
        changed = [key for key, spec in specs(first).items() if key not in jobs(first) and specs(back).get(key) != spec]
        assert not changed, changed
        # Of a Job the server makes a selector of its own each time.
        assert jobs(back) == jobs(first)

        assert "Succeeded" in one.does("test", "crewup", "--timeout", "30s")
        assert ("app", "Pod", "crewup-test-call") not in one.names(), "the pod of a passed test goes"

        one.does("uninstall", "crewup", "--wait", "--timeout", "60s")
        until("nothing is left but the volume", lambda: one.kept() == {VOLUME})
        # A StatefulSet's controller leaves nothing else, and the garbage collector takes what was made of other objects.
        until("what was made of other objects is gone", lambda: not [key for key in one.names() if key[1] in MADE])


@test
def the_same_again_changes_nothing():
    with release() as one:
        one.install(*TRIAL)
        first = generations(one.there())
        one.upgrade(*TRIAL)
        assert generations(one.there()) == first


@test
def a_pod_gets_a_token_where_nobody_refuses_it():
    """That the look at the volumes above finds a token at all."""
    with release() as one:
        all_ = rendered(*TRIAL)
        spec = template_of(find(all_, "Deployment", "crewup-event"))[1]
        one.api.apply(find(all_, "ServiceAccount", "crewup-event"))

        def has_token(**spec_):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "app"}, "spec": spec_}
            return "serviceAccountToken" in json.dumps(one.api.create(pod, dryRun="All"))

        default = spec | {"serviceAccountName": "default"}
        assert not has_token(**spec) and not has_token(**default)
        # Both the account and the pod say no.
        for silent in (spec, default):
            del silent["automountServiceAccountToken"]
        assert not has_token(**spec) and has_token(**default)


@test
def a_trial_needs_no_rights_outside_of_its_namespace():
    with release() as one:
        one.env = environment(one.folder, "tenant")
        run = one.helm("install", "crewup", CHART, *TRIAL)
        assert run.returncode != 0 and "forbidden" in run.stderr, run.stderr
        one.api.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "tenant", "namespace": "app"},
                       "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
                       "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}]})
        one.install(*TRIAL)
        one.does("uninstall", "crewup", "--wait", "--timeout", "60s")


@test
def production_keeps_its_data_when_it_goes_and_takes_it_up_when_it_comes_back():
    with release() as one:
        made = ["edge-tls", "postgres-ca", *(f"crewup-{workload}-tls" for workload in (*SERVICES, "edge", "migrate", "postgres"))]
        mine = one.secrets() | {("app", "Secret", name) for name in made}
        one.install(*PRODUCTION)
        assert one.kept() == wanted(rendered(*PRODUCTION)) | mine, one.kept() ^ (wanted(rendered(*PRODUCTION)) | mine)
        one.does("uninstall", "crewup", "--wait", "--timeout", "60s")
        data = {("app", kind, "postgres") for kind in ("Cluster", "ObjectStore", "ScheduledBackup")} | {("app", "Certificate", "crewup-postgres-tls")}
        until("only the data is left", lambda: one.kept() == mine | data)
        kept = one.there()["app", "Cluster", "postgres"]["metadata"]["uid"]
        one.install(*PRODUCTION)
        assert one.there()["app", "Cluster", "postgres"]["metadata"]["uid"] == kept


@test
def an_autoscaler_s_number_survives_an_upgrade():
    with release() as one:
        one.secrets()
        one.install(*PRODUCTION)
        # Kubernetes starts one; the real autoscaler, which has no figures here, goes to its least number.
        until("the autoscaler of event has its least", lambda: one.replicas("event") == 3)
        one.scale("event", 5, "kube-controller-manager")
        one.upgrade(*PRODUCTION, "--set", "image.tag=9.9.9")
        assert one.replicas("event") == 5
        assert mentions(one.deployment("event"), "crewup/crewup:9.9.9") == 2
        for manager in one.deployment("event")["metadata"]["managedFields"]:
            if manager["manager"] == "helm":
                assert "f:replicas" not in manager["fieldsV1"]["f:spec"], "Helm owns the number"

        # What the runbook does around a restore: an autoscaler leaves alone what somebody stopped, and goes on from one.
        one.scale("event", 0)
        until("the autoscaler saw it", lambda: any(
            condition["reason"] == "ScalingDisabled" for condition in
            one.api.get("/apis/autoscaling/v2/namespaces/app/horizontalpodautoscalers/crewup-event")["status"]["conditions"]))
        one.upgrade(*PRODUCTION, "--set", "image.tag=9.9.9")
        assert one.replicas("event") == 0, "the chart names no number"
        one.scale("event", 1)
        until("the autoscaler goes on", lambda: one.replicas("event") == 3)


@test
def autoscaling_is_turned_on_and_off_again():
    with release() as one:
        one.install(*TRIAL)
        one.upgrade(*TRIAL, "--set", "serviceDefaults.autoscaling.enabled=true")
        until("the autoscaler of event has its least", lambda: one.replicas("event") == 2)
        one.upgrade(*TRIAL, "--force-conflicts")
        until("the autoscaler is gone", lambda: ("app", "HorizontalPodAutoscaler", "crewup-event") not in one.names())
        one.upgrade(*TRIAL, "--force-conflicts")
        assert one.replicas("event") == 1


@test
def what_somebody_scaled_by_hand_is_the_chart_s_again_when_one_says_so():
    with release() as one:
        one.install(*TRIAL)
        one.scale("event", 3)
        run = one.helm("upgrade", "crewup", CHART, *TRIAL)
        assert run.returncode != 0 and 'conflict with "kubectl"' in run.stderr and ".spec.replicas" in run.stderr, run.stderr
        assert one.replicas("event") == 3
        one.upgrade(*TRIAL, "--force-conflicts")
        assert one.replicas("event") == 1
        one.upgrade(*TRIAL)
        # Back to the number of the chart, by hand, is as good.
        one.scale("event", 0)
        one.scale("event", 1)
        one.upgrade(*TRIAL)


@test
def any_settings_become_any_others_in_an_upgrade():
    """Each case of the matrix after the other in one release: no field that cannot be changed is changed. Conflicts are forced, for an
    autoscaler that is about to go may take the number once more."""
    with release() as one:
        before = {}
        for case in itertools.chain(matrix.cases(), [next(matrix.cases())]):
            run = one.helm("upgrade", "--install", "--force-conflicts", "crewup", CHART, *matrix.arguments(case))
            assert run.returncode == 0, f"from {before} to {case}: {run.stderr}"
            before = case


@test
def the_volume_of_a_trial_is_not_made_larger():
    """That a field which cannot be changed is noticed. The README says so."""
    with release() as one:
        one.install(*TRIAL)
        run = one.helm("upgrade", "crewup", CHART, *TRIAL, "--force-conflicts", "--set", "database.inChart.storage=20Gi")
        assert run.returncode != 0 and "spec.volumeClaimTemplates: Invalid value" in run.stderr, run.stderr
        one.upgrade(*TRIAL)


@test
def a_deleted_migration_is_made_again():
    """What the README says of a changed password."""
    with release() as one:
        one.install(*TRIAL)
        [(place, _, name)] = jobs(one.there())
        one.api.request("DELETE", f"/apis/batch/v1/namespaces/{place}/jobs/{name}", propagationPolicy="Background")
        until("the Job is gone", lambda: not jobs(one.there()))
        one.upgrade(*TRIAL)
        assert jobs(one.there()) == {(place, "Job", name)}


@test
def a_job_cannot_be_changed():
    """Why each image has a Job of its own."""
    with release() as one:
        job = next(found for found in rendered(*TRIAL) if found["kind"] == "Job")
        one.api.apply(job)
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "ghcr.io/crewup/crewup:other"
        try:
            one.api.apply(job)
        except Refused as error:
            assert "field is immutable" in str(error), error
        else:
            raise AssertionError("a Job was changed")


@test
def an_upgrade_that_does_not_come_up_is_taken_back():
    with release() as one:
        one.install(*TRIAL)
        first = specs(one.there())
        one.kubelet.failing.add("ghcr.io/crewup/crewup:bad")
        run = one.helm("upgrade", "crewup", CHART, "--wait", "--rollback-on-failure", "--timeout", "10s", *TRIAL, "--set", "image.tag=bad")
        assert run.returncode != 0 and "not ready" in run.stderr, run.stderr
        back = specs(one.there())
        assert jobs(back) == jobs(first)
        assert [key for key in first if key[1] != "Job" and back.get(key) != first[key]] == []
        until("no pod of the bad image is left", lambda: not [key for key, found in one.there().items() if key[1] == "Pod" and mentions(found, ":bad")])
