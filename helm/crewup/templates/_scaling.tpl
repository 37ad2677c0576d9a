{{/* How many there are, for what counts on more than one: a dict with replicas and autoscaling. */}}
{{- define "crewup.fewest" -}}
{{- if .autoscaling.enabled }}{{ .autoscaling.minReplicas }}{{ else }}{{ .replicas }}{{ end }}
{{- end }}

{{- define "crewup.most" -}}
{{- if .autoscaling.enabled }}{{ .autoscaling.maxReplicas }}{{ else }}{{ .replicas }}{{ end }}
{{- end }}

{{/* Autoscaler and disruption budget of a Deployment: a dict of root, component and set (the values of the component). */}}
{{- define "crewup.scaling" -}}
{{- $of := pick . "root" "component" -}}
{{- $name := printf "%s-%s" .root.Release.Name .component -}}
{{- $scale := .set.autoscaling -}}
{{- if $scale.enabled }}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) }}{{ fail (printf "autoscaling of %s: minReplicas is more than maxReplicas" .component) }}{{ end }}
{{- if not (dig "requests" "cpu" "" .set.resources) }}{{ fail (printf "autoscaling of %s: resources.requests.cpu is what cpuPercent is of" .component) }}{{ end }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "crewup.labels" $of | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicas: {{ $scale.minReplicas }}
  maxReplicas: {{ $scale.maxReplicas }}
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: {{ $scale.cpuPercent }}}
  behavior:
    # One at a time: each that goes cuts its streams, which then resume elsewhere.
    scaleDown:
      stabilizationWindowSeconds: 300
      policies:
      - {type: Pods, value: 1, periodSeconds: 60}
{{- end }}
{{- if gt (include "crewup.fewest" .set | int) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "crewup.labels" $of | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "crewup.selector" $of | nindent 6 }}
{{- end }}
{{- end }}
