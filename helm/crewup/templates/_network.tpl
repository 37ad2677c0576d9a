{{/* The head of a policy in the release's namespace: a dict of root, name, types and, but for all pods, in (components). */}}
{{- define "crewup.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "crewup.labels" (dict "root" .root "component" "network") | nindent 4 }}
spec:
  podSelector: {{ include "crewup.pods" . }}
  policyTypes: [{{ .types }}]
{{- end }}

{{/* A selector of the release's pods, as JSON: a dict of root and, but for all, in (components). */}}
{{- define "crewup.pods" -}}
{{- $all := dict "app.kubernetes.io/name" "crewup" "app.kubernetes.io/instance" .root.Release.Name -}}
{{- if .in -}}
{{- dict "matchLabels" $all "matchExpressions" (list (dict "key" "app.kubernetes.io/component" "operator" "In" "values" .in)) | toJson -}}
{{- else -}}
{{- dict "matchLabels" $all | toJson -}}
{{- end -}}
{{- end }}

{{/* TCP ports of a list of numbers. */}}
{{- define "crewup.ports" -}}
{{- $ports := list -}}
{{- range . }}{{ $ports = append $ports (dict "protocol" "TCP" "port" (int .)) }}{{ end -}}
{{- $ports | toJson -}}
{{- end }}

{{- define "crewup.inNamespace" -}}
namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}
{{- end }}

{{/* Host and port of a URL, as JSON. */}}
{{- define "crewup.address" -}}
{{- $url := urlParse . -}}
{{- $parts := splitList ":" $url.host -}}
{{- dict "host" (first $parts) "port" (gt (len $parts) 1 | ternary (last $parts | int) (ternary 443 80 (eq $url.scheme "https"))) | toJson -}}
{{- end }}

{{/* The way out to a dict of address and set (cidrs, ports). A host of the cluster is name.namespace.svc... */}}
{{- define "crewup.remote" -}}
{{- $labels := splitList "." .address.host -}}
- to:
  {{- if and (ge (len $labels) 3) (eq (index $labels 2 | default "") "svc") }}
  - {{ include "crewup.inNamespace" (index $labels 1) }}
  {{- else }}
  {{- range .set.cidrs }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  {{- end }}
  ports: {{ include "crewup.ports" (.set.ports | default (list .address.port)) }}
{{- end }}
