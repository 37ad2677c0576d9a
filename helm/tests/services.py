"""The five services and the Job that migrates: what runs, how it is looked after, how many there are."""
from .kit import ISSUER, PORTS, ROOT, SERVICES, VALUES, every, find, objects, of_kind, test


@test
def the_services_are_those_of_the_list():
    for name, all_ in every():
        deployed = {one["metadata"]["name"] for one in of_kind(all_, "Deployment")}
        assert deployed == {f"crewup-{service}" for service in SERVICES} | {"crewup-edge"}, name
        for port in PORTS:
            service = find(all_, "Service", f"crewup-{port['name']}")
            assert service["spec"]["clusterIP"] == "None"
            assert [one["port"] for one in service["spec"]["ports"]] == [port["port"], port["plain"]]
            [container] = find(all_, "Deployment", f"crewup-{port['name']}")["spec"]["template"]["spec"]["containers"]
            assert container["command"] == [f"crewup-{port['name']}"]
            named = {one["name"]: one["containerPort"] for one in container["ports"]}
            assert named == {"grpc": port["port"], "plain": port["plain"]}
            for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
                assert container[probe]["httpGet"] == {"path": path, "port": "plain"}, probe


@test
def services_wait_for_the_schema():
    for name, all_ in every():
        for service in SERVICES:
            [waits] = find(all_, "Deployment", f"crewup-{service}")["spec"]["template"]["spec"]["initContainers"]
            assert waits["command"][:2] == ["crewup-migrate", "wait"], name


@test
def an_update_never_serves_with_fewer():
    for name, all_ in every():
        for deployment in of_kind(all_, "Deployment"):
            assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}, name


@test
def a_new_chart_starts_nothing_again_that_is_the_same():
    for name, all_ in every():
        for one in of_kind(all_, "Deployment", "StatefulSet"):
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert labels == one["spec"]["selector"]["matchLabels"], f"{name} {one['metadata']['name']}"


@test
def who_is_scaled_is_not_told_how_many():
    """A Deployment with replicas would be set back by every upgrade."""
    scaled = ["--set", ISSUER, "--set", "serviceDefaults.autoscaling.enabled=true", "--set", "services.user.autoscaling.enabled=false",
              "--set", "services.event.autoscaling.maxReplicas=9", "--set", "edge.autoscaling.enabled=true"]
    all_ = objects(*scaled)
    for component in [*SERVICES, "edge"]:
        deployment = find(all_, "Deployment", f"crewup-{component}")
        scalers = [one for one in of_kind(all_, "HorizontalPodAutoscaler") if one["metadata"]["name"] == f"crewup-{component}"]
        if component == "user":
            assert deployment["spec"]["replicas"] == 2 and not scalers
            continue
        assert "replicas" not in deployment["spec"], component
        [scaler] = scalers
        assert scaler["apiVersion"] == "autoscaling/v2"
        assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"crewup-{component}"}
        assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 9 if component == "event" else 6)
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert container["resources"]["requests"]["cpu"], "a percentage of nothing"


@test
def more_than_one_has_a_disruption_budget():
    """And one alone has none, or its node could never be drained."""
    def budgets(*settings):
        found = objects("--set", ISSUER, *[argument for setting in settings for argument in ("--set", setting)])
        for one in of_kind(found, "PodDisruptionBudget"):
            name = one["metadata"]["name"]
            labels = find(found, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items(), name
        return {one["metadata"]["name"].removeprefix("crewup-") for one in of_kind(found, "PodDisruptionBudget")}

    assert budgets() == {*SERVICES, "edge"}
    assert budgets("serviceDefaults.replicas=1") == {"edge"}
    assert budgets("edge.replicas=1", "services.user.replicas=1") == {*SERVICES} - {"user"}
    one = ["serviceDefaults.autoscaling.enabled=true", "serviceDefaults.autoscaling.minReplicas=1"]
    assert budgets(*one) == {"edge"}
    assert budgets(*one, "services.group.autoscaling.minReplicas=2") == {"edge", "group"}


@test
def a_new_image_or_migration_is_a_new_job():
    def job(*args):
        [one] = of_kind(objects("-f", VALUES[0], *args), "Job")
        assert "helm.sh/hook" not in one["metadata"].get("annotations", {})
        return one["metadata"]["name"]

    newest = max(path.name[:4] for path in (ROOT / "migrations").glob("*.sql"))
    assert job().startswith(f"crewup-migrate-{newest}-"), job()
    assert job() == job("--set", "edge.maxConnections=5")
    assert job() != job("--set", "image.tag=2.0.0"), "a Job cannot be changed"
