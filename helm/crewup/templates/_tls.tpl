{{/* "true" where the workloads have certificates. */}}
{{- define "crewup.hasMesh" -}}
{{- if ne .Values.mesh.tls.kind "none" }}true{{ end }}
{{- end }}

{{/* The Secret with the certificate of a workload: a dict of root and name. */}}
{{- define "crewup.meshSecret" -}}
{{ index .root.Values.mesh.tls.secrets .name | default (printf "%s-%s-tls" .root.Release.Name .name) }}
{{- end }}

{{/* The Secret with the authorities of the database. Empty: those of the mesh. */}}
{{- define "crewup.databaseCa" -}}
{{- $database := .Values.database -}}
{{- if $database.tls.caSecret }}{{ $database.tls.caSecret -}}
{{- else if eq $database.kind "cloudNativePG" }}{{ $database.cloudNativePG.clusterName }}-ca{{ end }}
{{- end }}

{{/*
The host of the database, as its certificate names it. A server outside knows nothing of postgres-service, so that it is called by its
own name where that is looked at.
*/}}
{{- define "crewup.databaseHost" -}}
{{- $database := .Values.database -}}
{{- if and (eq $database.kind "external") (eq $database.sslMode "verify-full") }}{{ $database.externalName -}}
{{- else }}postgres-service.{{ $database.namespace }}.svc.cluster.local{{ end }}
{{- end }}

{{/* What DATABASE_URL says of TLS. */}}
{{- define "crewup.databaseQuery" -}}
{{- $database := .Values.database -}}
sslmode={{ $database.sslMode }}
{{- if hasPrefix "verify-" $database.sslMode }}&sslrootcert=/etc/crewup/{{ ternary "database-ca" "tls" (ne (include "crewup.databaseCa" .) "") }}/ca.crt{{ end }}
{{- if $database.tls.clientSecret }}&sslcert=/etc/crewup/database-client/tls.crt&sslkey=/etc/crewup/database-client/tls.key
{{- else if and $database.tls.clientCertificate (include "crewup.hasMesh" .) }}&sslcert=/etc/crewup/tls/tls.crt&sslkey=/etc/crewup/tls/tls.key{{ end }}
{{- end }}

{{/*
The certificates of a pod that talks to the database, as mounts and as volumes: folders, never single files (subPath), so that what is
renewed gets there. Empty where there are none. The argument of the volumes is a dict of root and name (the workload).
*/}}
{{- define "crewup.tlsMounts" -}}
{{- if include "crewup.hasMesh" . }}
- {name: tls, mountPath: /etc/crewup/tls, readOnly: true}
{{- end }}
{{- if and (hasPrefix "verify-" .Values.database.sslMode) (include "crewup.databaseCa" .) }}
- {name: database-ca, mountPath: /etc/crewup/database-ca, readOnly: true}
{{- end }}
{{- if .Values.database.tls.clientSecret }}
- {name: database-client, mountPath: /etc/crewup/database-client, readOnly: true}
{{- end }}
{{- end }}

{{- define "crewup.tlsVolumes" -}}
{{- $values := .root.Values -}}
{{- $ca := include "crewup.databaseCa" .root -}}
{{- if include "crewup.hasMesh" .root }}
- name: tls
  secret: {secretName: {{ include "crewup.meshSecret" . }}, defaultMode: 0440}
{{- end }}
{{- if and (hasPrefix "verify-" $values.database.sslMode) $ca }}
# The certificate only: the operator keeps the authority's key in the same Secret.
- name: database-ca
  secret: {secretName: {{ $ca }}, defaultMode: 0440, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with $values.database.tls.clientSecret }}
- name: database-client
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end }}
