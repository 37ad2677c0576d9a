{{/* What mode production and the certificates ask of the values. */}}
{{- define "crewup.checkTls" -}}
{{- $database := .Values.database -}}
{{- $tls := .Values.mesh.tls -}}
{{- $isVerified := hasPrefix "verify-" $database.sslMode -}}
{{- $isOurs := has $database.kind (list "inChart" "cloudNativePG") -}}
{{- if eq .Values.mode "production" }}
{{- if eq $tls.kind "none" }}{{ fail "mesh.tls.kind: in production every hop has certificates: certManager or secrets; none is for mode development" }}{{ end }}
{{- if not $isVerified }}
{{- fail (printf "database.sslMode: %s does not verify the server, without which production does not start; set verify-full, or verify-ca" $database.sslMode) }}
{{- end }}
{{- $issuer := .Values.issuer | default "https://unknown" }}
{{- if not (hasPrefix "https://" $issuer) }}{{ fail "issuer: by http it is not for production; https, or mode development" }}{{ end }}
{{- if regexMatch `^https://([^/@]*@)?(([^/:]*[.])?localhost|127[.][0-9.]+|0[.]0[.]0[.]0|\[::1?\])(:|/|$)` $issuer }}
{{- fail "issuer: on this machine it is not for production" }}
{{- end }}
{{- end }}
{{- if and (eq $tls.kind "certManager") (not $tls.certManager.issuerName) }}
{{- fail "mesh.tls.certManager.issuerName: is required, of an issuer that signs for your own authority" }}
{{- end }}
{{- if and (eq $tls.kind "certManager") (le (trimSuffix "h" $tls.certManager.duration | int) (trimSuffix "h" $tls.certManager.renewBefore | int)) }}
{{- fail "mesh.tls.certManager.renewBefore: must be less than duration" }}
{{- end }}
{{- $workloads := list "edge" "migrate" "postgres" }}
{{- range (include "crewup.calls" . | fromJson).services }}{{ $workloads = append $workloads .name }}{{ end }}
{{- range $name := keys $tls.secrets | sortAlpha }}
{{- if not (has $name $workloads) }}{{ fail (printf "mesh.tls.secrets.%s: there is no such workload, only %s" $name (join ", " $workloads)) }}{{ end }}
{{- end }}
{{- if eq $tls.kind "none" }}
{{- if and (eq $database.kind "inChart") (not (has $database.sslMode (list "disable" "prefer"))) }}
{{- fail (printf "database.sslMode: %s needs a certificate, which the server in the chart has with mesh.tls only" $database.sslMode) }}
{{- end }}
{{- if and $isVerified (not (include "crewup.databaseCa" .)) }}
{{- fail "database.tls.caSecret: is required, for without mesh.tls there is no other authority to verify the server by" }}
{{- end }}
{{- else if $isOurs }}
{{- if or $database.tls.clientSecret (not $database.tls.clientCertificate) }}
{{- fail "database.tls: a server that the chart makes asks for the certificates of the mesh; leave clientCertificate true and clientSecret empty" }}
{{- end }}
{{- if eq $database.sslMode "disable" }}{{ fail "database.sslMode: a server that the chart makes talks to nobody without TLS where mesh.tls is on" }}{{ end }}
{{- end }}
{{- if and (eq $database.kind "cloudNativePG") $isVerified (not $database.tls.caSecret) (ne $database.namespace .Release.Namespace) }}
{{- fail (printf "database.tls.caSecret: is required, for Secret %s-ca is in namespace %s; copy its ca.crt (not ca.key) to a Secret in %s" $database.cloudNativePG.clusterName $database.namespace .Release.Namespace) }}
{{- end }}
{{- end }}
