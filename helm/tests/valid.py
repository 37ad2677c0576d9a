"""What Helm renders is what Kubernetes and the operators accept."""
import functools
import json
import pathlib
import tempfile

import jsonschema
import kubernetes_validate
import yaml

from . import matrix
from .kit import CHART, OPERATOR, TOOLS, VALUES, VERSIONS, every, helm, objects, of_kind, parsed, render, test, text

CRDS = TOOLS / "crds"
# It reads some megabytes of definitions for each object otherwise.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def strict(schema):
    """The schema of a CustomResourceDefinition, refusing what the API server would drop. Its CEL rules are not evaluated."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    return made


@functools.cache
def validators():
    found = {}
    for path in sorted(CRDS.glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text()):
            if not crd or crd["kind"] != "CustomResourceDefinition":
                continue
            for version in crd["spec"]["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                # Of metadata a definition says only that it is an object.
                schema["properties"]["metadata"] = {"type": "object"}
                key = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
                found[key] = jsonschema.Draft7Validator(schema)
    return found


def no_nulls(value):
    if isinstance(value, dict):
        return all(map(no_nulls, value.values()))
    if isinstance(value, list):
        return all(map(no_nulls, value))
    return value is not None


@functools.cache
def accepts(version, manifest):
    """Raises if this object is not one of this version of Kubernetes. Most objects occur in many sets of values."""
    one = json.loads(manifest)
    # The schemas of Kubernetes let null be anything.
    assert no_nulls(one), "null in it"
    custom = validators().get((one["apiVersion"], one["kind"]))
    if custom:
        custom.validate(one)
    else:
        assert "." not in one["apiVersion"].split("/")[0] or ".k8s.io/" in one["apiVersion"], f"no schema for {one['apiVersion']}"
        kubernetes_validate.validate(one, version, strict=True)
    return True


def accepted(all_, version, where):
    for one in all_:
        try:
            accepts(version, json.dumps(one, sort_keys=True))
        except Exception as error:
            raise AssertionError(f"{where}, {version}, {one['kind']} {one['metadata']['name']}: {error}") from error
    return len(all_)


def refused(one):
    try:
        accepts(VERSIONS[0], json.dumps(one))
    except (kubernetes_validate.ValidationError, jsonschema.ValidationError):
        return True
    return False


@test
def lints_strictly_with_every_set_of_values():
    for values in VALUES:
        run = helm("lint", "--strict", "-f", values, CHART)
        assert run.returncode == 0, f"{values.stem}: {run.stdout}{run.stderr}"


@test
def everything_is_valid_in_every_version_of_kubernetes():
    count = 0
    for values in VALUES:
        for version in VERSIONS:
            count += accepted(objects("-f", values, *OPERATOR, version=version), version, values.stem)
    assert count > len(VALUES) * len(VERSIONS) * 30, count


@test
def every_pair_of_settings_renders_and_is_valid():
    cases = list(matrix.cases())
    covered = set().union(*(matrix.pairs_of(case) for case in cases))
    assert set(matrix.all_pairs()) <= covered
    assert len(cases) >= 16, len(cases)
    for case in cases:
        all_ = objects(*matrix.arguments(case), *OPERATOR)
        names = [(one["apiVersion"], one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in all_]
        assert len(names) == len(set(names)), f"{case}: a name twice"
        for version in (VERSIONS[0], VERSIONS[-1]):
            accepted(all_, version, str(case))


@test
def the_validators_would_say_no():
    """A misspelt field in one object of each kind, which every API server would drop without a word."""
    seen = set()
    for name, all_ in every():
        for one in all_:
            if one["kind"] in seen or "spec" not in one:
                continue
            seen.add(one["kind"])
            one["spec"]["replica"] = 1
            assert refused(one), f"{name}: {one['kind']} with a misspelt field was accepted"
    assert seen >= {"Deployment", "Job", "NetworkPolicy", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute", "Certificate", "PodMonitor",
                    "PrometheusRule", "Cluster", "ObjectStore", "ScheduledBackup"}, seen


@test
def renders_the_same_twice():
    for values in VALUES:
        assert render("-f", values, *OPERATOR).stdout == text("-f", str(values), *OPERATOR)


@test
def an_old_cluster_is_refused():
    run = render("-f", VALUES[0], version="1.31")
    assert run.returncode != 0
    assert "kubeVersion" in run.stderr, run.stderr


@test
def a_package_is_complete():
    with tempfile.TemporaryDirectory() as folder:
        run = helm("package", CHART, "--destination", folder)
        assert run.returncode == 0, run.stderr
        [package] = pathlib.Path(folder).glob("*.tgz")
        for values in VALUES:
            found = render("-f", values, *OPERATOR, chart=package)
            assert found.stdout == text("-f", str(values), *OPERATOR), values.stem


@test
def what_the_operators_make_is_left_out_where_they_are_not():
    for values in VALUES:
        assert not of_kind(parsed(text("-f", str(values))), "PodMonitor", "PrometheusRule"), values.stem
