"""Lints the Helm chart, renders it with small and full values, checks each manifest against the schemas of Kubernetes,
and compares deploy/kubernetes/hookpoint.yaml with the chart. `--write` writes that file."""

import sys
from pathlib import Path

import kubernetes_validate
import yaml
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError

CHART = "deploy/helm/hookpoint"
PLAIN = Path("deploy/kubernetes/hookpoint.yaml")
HEAD = """\
# Plain manifests, rendered from the chart in deploy/helm with its default values. Change the settings, the image and the
# names in it, create the Secret hookpoint-database with the key uri, then: kubectl apply --filename hookpoint.yaml
"""
FULL = {
    "imagePullSecrets": [{"name": "registry"}],
    "secretNames": ["sources"],
    "certificateAuthorities": "company",
    "suppressions": {"storageClassName": "fast"},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"}},
    "networkPolicy": {"from": [{"podSelector": {"matchLabels": {"app": "proxy"}}}]},
    "monitoring": {"serviceMonitor": True, "prometheusRule": True, "dashboards": True},
    "cloudNativePg": {"enabled": True},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "podAnnotations": {"a": "b"},
}
# The schemas have only what Kubernetes itself defines.
DEFINED_ELSEWHERE = {"ServiceMonitor", "PrometheusRule", "Cluster"}


def rendered(values):
    templates = Chart.load(CHART).render(values, name="hookpoint")
    parts = [text.strip() for name, text in sorted(templates.items()) if name.endswith(".yaml")]
    text = "\n---\n".join(part for part in parts if part)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def manifests(text):
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def check(text, kinds):
    found = manifests(text)
    for manifest in found:
        if manifest["kind"] not in DEFINED_ELSEWHERE:
            kubernetes_validate.validate(manifest, "1.31", strict=True)
    assert {manifest["kind"] for manifest in found} == kinds, [manifest["kind"] for manifest in found]
    print(f"{len(found)} manifests are valid")


report = lint(CHART, strict=True)
problems = [message for message in report["messages"] if message["severity"] > 1]
assert not problems and not report["errors"], report

plain = HEAD + rendered({}).replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl")
if "--write" in sys.argv:
    PLAIN.write_text(plain)
assert PLAIN.read_text() == plain, f"{PLAIN} is not what the chart renders: run .ci/helm.py --write"
USUAL = {"ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"}
check(plain, USUAL)
full = rendered(FULL)
check(full, USUAL | DEFINED_ELSEWHERE | {"Ingress"})
alerts = next(manifest for manifest in manifests(full) if manifest["kind"] == "PrometheusRule")
assert alerts["spec"] == yaml.safe_load(Path("deploy/prometheus/alerts.yml").read_text())

for wrong in ({"replicas": 0}, {"replica": 2}, {"settings": ""}, {"image": {"name": "x"}}):
    try:
        Chart.load(CHART).validate_schema(wrong)
    except HelmError:
        continue
    raise AssertionError(f"the values {wrong} are accepted")
