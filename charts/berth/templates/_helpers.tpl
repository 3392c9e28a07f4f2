{{/* Values of an older chart lack new keys. This check fails with a clear message; a template would fail with a nil pointer. */}}
{{- define "berth.checkValues" -}}
{{- range $name := list "crds" "hooks" "metrics" "networkPolicy" }}
{{- if not (kindIs "map" (get $.Values $name)) }}
{{- fail (printf "the value %s is missing: values of an older version need `helm upgrade --reset-then-reuse-values`" $name) }}
{{- end }}
{{- end }}
{{- if hasKey .Values.speaker "nodeLayer" }}
{{- fail "the value speaker.nodeLayer has a new name: speaker.nftables" }}
{{- end }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "berth.labels" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* An object's metadata: (dict "root" $ "name" NAME); "cluster" true for an object without a namespace; more "labels", "annotations". */}}
{{- define "berth.metadata" -}}
metadata:
  name: {{ .name }}
  {{- if not .cluster }}
  namespace: {{ .root.Release.Namespace }}
  {{- end }}
  labels:
    {{- include "berth.labels" .root | nindent 4 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Labels that select the Pods of one role: (dict "root" $ "role" "speaker"). */}}
{{- define "berth.selector" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* The metadata of a role's Pods: (dict "root" $ "role" "speaker" "values" VALUES). */}}
{{- define "berth.podMetadata" -}}
metadata:
  labels:
    {{- with .values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "berth.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
  {{- with merge (dict) (.values.podAnnotations | default dict) .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The pull secrets of a Pod. */}}
{{- define "berth.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The image. A digest is more exact than a tag, so it has precedence. */}}
{{- define "berth.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The security context of a Pod that needs no privileges on its node. */}}
{{- define "berth.unprivilegedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The security context of a container that needs no privileges on its node. */}}
{{- define "berth.unprivilegedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The environment variable with the namespace of the Pod. */}}
{{- define "berth.namespaceVariable" -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}

{{/* The port of the speakers' metrics on the node's address, for a Prometheus on another node; empty if they do not serve them there. */}}
{{- define "berth.speakerMetrics" -}}
{{- with .Values.metrics }}
{{- if or .onNodeNetwork .podMonitor.enabled .serviceMonitor.enabled }}{{ .speakerPort }}{{ end }}
{{- end }}
{{- end }}

{{/* The CRDs in the cluster that differ from the chart's; empty if there are none, or without a cluster (helm template). */}}
{{- define "berth.staleCrds" -}}
{{- range $path, $_ := .Files.Glob "crds/*.yaml" }}
{{- $crd := $.Files.Get $path | fromYaml }}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $crd.metadata.name }}
{{- if $live }}
{{- if ne (dig "metadata" "annotations" "berth.dev/schema" "" $live) (index $crd.metadata.annotations "berth.dev/schema") }}
{{- $crd.metadata.name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Settings that may change while the Pods run. The kubelet updates the volume, usually within two minutes; no Pod is replaced. */}}
{{- define "berth.settingsVolume" -}}
- name: settings
  configMap:
    name: {{ .Release.Name }}-settings
{{- end }}

{{- define "berth.settingsMount" -}}
- name: settings
  mountPath: /etc/berth/settings
  readOnly: true
{{- end }}
