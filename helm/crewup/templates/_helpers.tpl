{{/* Labels of everything: a dict of root and component. */}}
{{- define "crewup.labels" -}}
{{ include "crewup.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Labels of pods, too: nothing of them changes with the chart, or every upgrade would start every pod again. */}}
{{- define "crewup.selector" -}}
app.kubernetes.io/name: crewup
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Our image. */}}
{{- define "crewup.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Pod Security Standards, restricted. The argument is a user id. */}}
{{- define "crewup.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "crewup.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* DATABASE_URL of a role; the password comes from the Secret. A dict of root, role, secret and key. */}}
{{- define "crewup.databaseEnv" -}}
{{- $database := .root.Values.database -}}
- name: DATABASE_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}
- name: DATABASE_URL
  value: postgres://{{ .role }}:$(DATABASE_PASSWORD)@{{ include "crewup.databaseHost" .root }}:{{ $database.port }}/{{ $database.name }}?{{ include "crewup.databaseQuery" .root }}
{{- end }}

{{/* The services: what the contracts and ports.json say. As JSON of {services: [...], refusals: [...]}. */}}
{{- define "crewup.calls" -}}
{{ .Files.Get "files/calls.json" }}
{{- end }}

{{/* The values of one service, as JSON: a dict of root and name. */}}
{{- define "crewup.settings" -}}
{{ mergeOverwrite (deepCopy .root.Values.serviceDefaults) (index .root.Values.services .name | default dict) | toJson }}
{{- end }}

{{/* The edge's files, as YAML of a ConfigMap's data. */}}
{{- define "crewup.edgeData" -}}
{{- $root := . -}}
{{- $edge := .Values.edge -}}
{{- $calls := include "crewup.calls" . | fromJson -}}
{{- $services := list -}}
{{- range $calls.services -}}
{{- $host := printf "%s-%s.%s.svc.cluster.local" $root.Release.Name .name $root.Release.Namespace -}}
{{- $services = append $services (merge (dict "host" $host "port" (int .port)) .) -}}
{{- end -}}
{{- $listeners := list -}}
{{- if $edge.plain.enabled }}{{ $listeners = append $listeners (dict "name" "plain" "port" 8080 "tls" false) }}{{ end -}}
{{- if $edge.tls.secretName }}{{ $listeners = append $listeners (dict "name" "secure" "port" 8443 "tls" true) }}{{ end -}}
{{- if not $listeners }}{{ fail "edge: plain.enabled is false and tls.secretName is empty: nobody could call" }}{{ end -}}
{{- $otlp := dict -}}
{{- with .Values.otlpEndpoint -}}
{{- $address := splitList ":" (urlParse .).host -}}
{{- $otlp = dict "host" (first $address) "port" (last $address | int) "percent" (int $edge.tracePercent) -}}
{{- end -}}
{{- $context := dict
  "bind" "0.0.0.0"
  "reusePort" "true"
  "listeners" $listeners
  "opsPort" 9050
  "adminPort" 9901
  "configDir" "/etc/envoy"
  "certDir" "/etc/envoy-tls"
  "meshDir" (ternary "/etc/envoy-mesh" "" (ne (include "crewup.hasMesh" .) ""))
  "meshName" "tls"
  "origins" $edge.origins
  "trustedHops" (int $edge.trustedHops)
  "maxConnections" (int $edge.maxConnections)
  "maxHeapBytes" (mul (int $edge.maxHeapMiB) 1048576)
  "rate" (dict "perSecond" (int $edge.rate.perSecond) "burst" (int $edge.rate.burst))
  "reflection" (ternary (first $services).name "" .Values.reflection)
  "otlp" $otlp
  "services" $services
  "refusals" $calls.refusals -}}
envoy.yaml: |
{{ tpl (.Files.Get "files/envoy.yaml.tmpl") $context | indent 2 }}
certificate.yaml: |
{{ tpl (.Files.Get "files/certificate.yaml.tmpl") $context | indent 2 }}
{{- if include "crewup.hasMesh" . }}
workload.yaml: |
{{ tpl (.Files.Get "files/workload.yaml.tmpl") $context | indent 2 }}
authorities.yaml: |
{{ tpl (.Files.Get "files/authorities.yaml.tmpl") $context | indent 2 }}
{{- end }}
{{- end }}
