{{- define "hookpoint.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hookpoint.selector" -}}
app.kubernetes.io/name: hookpoint
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hookpoint.labels" -}}
{{ include "hookpoint.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
