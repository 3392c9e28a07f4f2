{{/*
Fails with a clear message if a value is missing that a template cannot do without: values of an older chart lack new keys, and a null removes
a default. A template would fail with a nil pointer, or render an object that means something else. The file is generated.
*/}}
{{- define "berth.checkValues" -}}
{{- range $path := .Files.Lines "files/required-values.txt" }}
{{- $value := $.Values }}
{{- range $name := splitList "." $path }}
{{- $value = index $value $name }}
{{- end }}
{{- if kindIs "invalid" $value }}
{{- fail (printf "the value %s is missing: do not set it to null. Values of an older version need `helm upgrade --reset-then-reuse-values`" $path) }}
{{- end }}
{{- end }}
{{- if hasKey .Values.speaker "nodeLayer" }}
{{- fail "the value speaker.nodeLayer has a new name: speaker.nftables" }}
{{- end }}
{{- end }}

{{/* The labels that the chart gives to every object. */}}
{{- define "berth.ownLabels" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/*
A map with more entries, as YAML: (list FIRST SECOND ...). Of one key the first map decides. A map may be null.
*/}}
{{- define "berth.merged" -}}
{{- $all := dict }}
{{- range . }}
{{- $all = merge $all (. | default dict) }}
{{- end }}
{{- with $all }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* An object's metadata: (dict "root" $ "name" NAME); "cluster" true for an object without a namespace; more "labels", "annotations". */}}
{{- define "berth.metadata" -}}
metadata:
  name: {{ .name | quote }}
  {{- if not .cluster }}
  namespace: {{ .root.Release.Namespace | quote }}
  {{- end }}
  labels:
    {{- $own := include "berth.ownLabels" .root | fromYaml }}
    {{- include "berth.merged" (list $own .labels .root.Values.commonLabels) | nindent 4 }}
  {{- with include "berth.merged" (list .annotations .root.Values.commonAnnotations) }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Labels that select the Pods of one role: (dict "root" $ "role" "speaker"). */}}
{{- define "berth.selector" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* The metadata of a role's Pods: (dict "root" $ "role" "speaker" "values" VALUES). */}}
{{- define "berth.podMetadata" -}}
metadata:
  labels:
    {{- $own := include "berth.ownLabels" .root | fromYaml }}
    {{- $role := dict "app.kubernetes.io/component" .role }}
    {{- include "berth.merged" (list $own $role .values.podLabels .root.Values.commonLabels) | nindent 4 }}
  {{- with include "berth.merged" (list .values.podAnnotations .root.Values.commonAnnotations) }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/*
The name of the headless Service for the metrics of a role: (dict "root" $ "role" "speaker"). A Service's name is a DNS label: at most 63
characters, without dots, beginning with a letter (RFC 1035). Release names are longer, and may have dots and begin with a digit.
*/}}
{{- define "berth.metricsServiceName" -}}
{{- $suffix := printf "-%s-metrics" .role }}
{{- $name := .root.Release.Name }}
{{- $label := $name | replace "." "-" }}
{{- if not (regexMatch "^[a-z]" $label) }}
{{- $label = printf "berth-%s" $label }}
{{- end }}
{{- $room := sub 63 (len $suffix) | int }}
{{- if gt (len $label) $room }}
{{- $label = printf "%s-%s" ($label | trunc (sub $room 9 | int) | trimSuffix "-") ($name | sha256sum | trunc 8) }}
{{- end }}
{{- $label }}{{ $suffix }}
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
