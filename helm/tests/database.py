"""PostgreSQL: postgres-service in the namespace app, whatever is behind it."""
from .kit import CHART, VALUES, every, find, objects, of_kind, test

EXAMPLES = CHART / "examples"


def about_postgres(all_):
    return [one for one in all_ if one["kind"] in ("Service", "StatefulSet", "Cluster") and "postgres" in one["metadata"]["name"]]


@test
def postgres_service_is_in_the_namespace_app():
    all_ = {name: about_postgres(found) for name, found in every()}
    assert all_["minimal"] == []
    service, server = all_["trial"]
    assert (service["kind"], service["metadata"]["name"], service["metadata"]["namespace"]) == ("Service", "postgres-service", "app")
    assert (server["kind"], server["metadata"]["namespace"]) == ("StatefulSet", "app")
    assert server["spec"]["template"]["spec"]["containers"][0]["image"].endswith("postgres:15")
    for key, value in service["spec"]["selector"].items():
        assert server["spec"]["template"]["metadata"]["labels"][key] == value
    [service] = all_["single-node"]
    assert service["metadata"]["namespace"] == "app"
    assert service["spec"] == {"type": "ExternalName", "externalName": "db.example.org"}
    elsewhere = objects("-f", EXAMPLES / "trial.yaml", namespace="other")
    assert find(elsewhere, "Service", "postgres-service")["metadata"]["namespace"] == "app"
    assert find(elsewhere, "Deployment", "crewup-event")["metadata"]["namespace"] == "other"


@test
def the_operators_cluster_loses_no_commit_and_is_backed_up():
    all_ = objects("-f", EXAMPLES / "production.yaml")
    cluster, store, daily = (find(all_, kind, "postgres") for kind in ("Cluster", "ObjectStore", "ScheduledBackup"))
    assert all(one["metadata"]["namespace"] == "app" for one in (cluster, store, daily))
    spec = cluster["spec"]
    assert spec["instances"] == 3
    assert ":15" in spec["imageName"]
    assert spec["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required", "failoverQuorum": True}
    assert spec["affinity"]["podAntiAffinityType"] == "required"
    assert spec["enableSuperuserAccess"] is False
    assert spec["bootstrap"]["initdb"]["secret"] == {"name": "crewup-database-owner"}
    assert spec["plugins"] == [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True, "parameters": {"barmanObjectName": "postgres"}}]
    assert store["spec"]["retentionPolicy"] == "30d"
    assert {one["name"] for key, one in store["spec"]["configuration"]["s3Credentials"].items()} == {"crewup-backup"}
    assert daily["spec"]["schedule"] == "0 0 2 * * *"
    assert daily["spec"]["pluginConfiguration"]["name"] == spec["plugins"][0]["name"] and daily["spec"]["method"] == "plugin"
    service = find(all_, "Service", "postgres-service")
    assert service["spec"] == {"type": "ExternalName", "externalName": "postgres-rw.app.svc.cluster.local"}
    assert "postgres-service.app.svc.cluster.local" in spec["certificates"]["serverAltDNSNames"]


@test
def one_server_alone_waits_for_no_other():
    [cluster] = of_kind(objects("-f", CHART / "ci" / "gateway.yaml"), "Cluster")
    assert cluster["spec"]["instances"] == 1
    assert "synchronous" not in cluster["spec"]["postgresql"]
    assert cluster["spec"]["superuserSecret"] == {"name": "crewup-database-superuser"}


@test
def what_holds_data_stays():
    for values in VALUES:
        for one in objects("-f", values):
            keeps = one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
            # With that certificate the Cluster's standbys log in.
            data = one["kind"] in ("Cluster", "ObjectStore", "ScheduledBackup") or one["metadata"]["name"] == "crewup-postgres-tls"
            assert keeps == data, f"{values.stem} {one['kind']}"
