{{/* What the schema cannot say: values that do not go together. */}}
{{- define "crewup.checks" -}}
{{- $database := .Values.database -}}
{{- $edge := .Values.edge -}}
{{- /* The Job's name is 22 more, and may have 63. */ -}}
{{- if gt (len .Release.Name) 41 }}{{ fail "the name of the release is longer than 41 characters, which would make names that Kubernetes refuses" }}{{ end }}
{{- if and .Values.dev (ne .Values.mode "development") }}
{{- fail "dev: the chart would make Secrets with known passwords, which mode production refuses; set mode: development" }}
{{- end }}
{{- include "crewup.checkTls" . }}
{{- if and .Values.dev (eq $database.kind "cloudNativePG") }}
{{- fail "dev: database.kind cloudNativePG takes its Secrets from somebody; use inChart for a trial" }}
{{- end }}
{{- if and (or $edge.ingress.enabled $edge.gateway.enabled) (not $edge.plain.enabled) }}
{{- fail "edge.plain.enabled: an Ingress or an HTTPRoute goes to the plain port" }}
{{- end }}
{{- if and $edge.ingress.enabled (not $edge.ingress.host) }}{{ fail "edge.ingress.host: is required" }}{{ end }}
{{- if and $edge.gateway.enabled (not $edge.gateway.parentRefs) }}{{ fail "edge.gateway.parentRefs: is required" }}{{ end }}
{{- /* Of a limit in other units it is not known. */ -}}
{{- $memory := dig "limits" "memory" "" ($edge.resources | default dict) | toString -}}
{{- $limit := 0.0 -}}
{{- if hasSuffix "Mi" $memory }}{{ $limit = trimSuffix "Mi" $memory | float64 }}{{ end }}
{{- if hasSuffix "Gi" $memory }}{{ $limit = mulf (trimSuffix "Gi" $memory | float64) 1024 }}{{ end }}
{{- if and (gt $limit 0.0) (ge (float64 $edge.maxHeapMiB) $limit) }}
{{- fail (printf "edge.maxHeapMiB: %d MiB is not below the limit of memory (%s), which ends Envoy before it can defend itself" (int $edge.maxHeapMiB) $memory) }}
{{- end }}
{{- with $edge.tls }}
{{- if .certificate.enabled }}
{{- if not .secretName }}{{ fail "edge.tls.secretName: is required, for the certificate is written there" }}{{ end }}
{{- if not (and .certificate.issuerName .certificate.dnsNames) }}{{ fail "edge.tls.certificate: issuerName and dnsNames are required" }}{{ end }}
{{- end }}
{{- end }}
{{- if eq $database.kind "cloudNativePG" }}
{{- if ne (int $database.port) 5432 }}{{ fail "database.port: the operator's servers listen on 5432" }}{{ end }}
{{- if not $database.cloudNativePG.backup.destinationPath }}
{{- fail "database.cloudNativePG.backup.destinationPath: is required, for what is not backed up is a trial" }}
{{- end }}
{{- $need := 10 -}}
{{- $root := . -}}
{{- range (include "crewup.calls" . | fromJson).services }}
{{- $set := include "crewup.settings" (dict "root" $root "name" .name) | fromJson -}}
{{- /* One more while an update rolls, and two for each that are not of the pool: those that listen. */ -}}
{{- $need = add $need (mul (add (include "crewup.most" $set | int) 1) (add (int $set.databaseConnections) 2)) -}}
{{- end }}
{{- if lt (int $database.cloudNativePG.maxConnections) (int $need) }}
{{- fail (printf "database.cloudNativePG.maxConnections: the services may use %d at once" (int $need)) }}
{{- end }}
{{- end }}
{{- end }}
