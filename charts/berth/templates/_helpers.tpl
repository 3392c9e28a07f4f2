{{/* Values of an older chart lack what is new: says so, where a template would only say that it met nothing. */}}
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

{{/* An object's metadata: (dict "root" $ "name" NAME), with "cluster" true where it is in no namespace; more "labels", "annotations". */}}
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

{{/* Labels that choose the Pods of one role: (dict "root" $ "role" "speaker"). */}}
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

{{/* What a Pod needs to get the image. */}}
{{- define "berth.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A digest says more than a tag, so it goes before it. */}}
{{- define "berth.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* A Pod that needs no right on its node. */}}
{{- define "berth.unprivilegedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container that needs no right on its node. */}}
{{- define "berth.unprivilegedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The namespace of a Pod, as its container is told. */}}
{{- define "berth.namespaceVariable" -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}

{{/* Not empty where speakers serve their metrics at the node's address: Prometheus comes from another node. */}}
{{- define "berth.speakerMetrics" -}}
{{- with .Values.metrics }}
{{- if or .onNodeNetwork .podMonitor.enabled .serviceMonitor.enabled }}{{ .speakerPort }}{{ end }}
{{- end }}
{{- end }}

{{/* Not empty where a CRD of the chart is in the cluster and differs from it. Without a cluster to ask (helm template): empty. */}}
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

{{/* What may change while the Pods run: the kubelet brings it to them within a minute or two, and no Pod is replaced for it. */}}
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
