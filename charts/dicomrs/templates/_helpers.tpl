{{/* Names, labels and the pieces that several pods share. */}}

{{- define "dicomrs.fullname" -}}
{{- if contains "dicomrs" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-dicomrs{{ end }}
{{- end }}

{{- define "dicomrs.claim" -}}
{{- .Values.spool.existingClaim | default (printf "%s-spool" (include "dicomrs.fullname" .)) }}
{{- end }}

{{- define "dicomrs.routeName" -}}
{{- .Values.route.name | default .Release.Name }}
{{- end }}

{{/* A port per release, so that two of them may share a node. */}}
{{- define "dicomrs.healthPort" -}}
{{- if .Values.scp.healthPort }}{{ int .Values.scp.healthPort }}
{{- else }}{{ add 20000 (mod (printf "%s/%s" .Release.Namespace .Release.Name | adler32sum | int64) 10000) }}{{ end }}
{{- end }}

{{/* What selects pods: never changed, since a Deployment's selector cannot be. */}}
{{- define "dicomrs.selector" -}}
app.kubernetes.io/name: dicomrs
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "dicomrs.labels" -}}
{{ include "dicomrs.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: dicomrs
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* metadata of an object of a component: (dict "root" $ "component" "scp" "name" "scp") */}}
{{- define "dicomrs.metadata" -}}
name: {{ include "dicomrs.fullname" .root }}-{{ .name | default .component }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "dicomrs.labels" . | nindent 2 }}
{{- end }}

{{- define "dicomrs.image" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $name := printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) $image.repository -}}
{{- if $image.digest }}{{ printf "%s@%s" $name $image.digest }}
{{- else }}{{ printf "%s:%s" $name (.root.Values.image.tag | default .root.Chart.AppVersion) }}{{ end }}
{{- end }}

{{- define "dicomrs.container.image" -}}
image: {{ include "dicomrs.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
# What a program says last, such as that its port for probes is taken, is what `kubectl describe pod` shows.
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "dicomrs.container.clock" -}}
env:
  - name: TZ
    value: {{ .Values.timeZone | quote }}
{{- end }}

{{/* Who a pod is: nobody to Kubernetes (the operator alone says otherwise), uid 10001 to its files. */}}
{{- define "dicomrs.pod.identity" -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
  {{- if .ping }}
  # For the ping of a check of the way to a target. scp has the node's network, where only the node can allow it.
  sysctls:
    - {name: net.ipv4.ping_group_range, value: "10001 10001"}
  {{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The one node that has the address on the scanners' network, and has it for this namespace. */}}
{{- define "dicomrs.pod.placement" -}}
nodeSelector:
  htr.dicomrs.io/{{ .Values.htr.address }}: {{ .Release.Namespace | quote }}
{{- end }}

{{- define "dicomrs.pod.priority" -}}
{{- with (index .root.Values .component).priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- $tolerations := .root.Values.tolerations }}
{{- if has .component (list "scp" "scu") }}
{{- /* On a full disk these two must be able to come back: nothing else frees it. */}}
{{- $tolerations = concat (list (dict "key" "node.kubernetes.io/disk-pressure" "operator" "Exists" "effect" "NoSchedule")) $tolerations }}
{{- end }}
{{- with $tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "dicomrs.container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    {{- with .add }}
    add: {{ toJson . }}
    {{- end }}
{{- end }}

{{- define "dicomrs.mounts.routes" -}}
- name: routes
  mountPath: /etc/dicomrs/routes
  readOnly: true
{{- end }}

{{- define "dicomrs.mounts.secrets" -}}
- name: secrets
  mountPath: /etc/dicomrs/secrets
  readOnly: true
{{- end }}

{{- define "dicomrs.mounts.spool" -}}
- name: spool
  mountPath: {{ .Values.spool.mountPath }}
{{- end }}

{{- define "dicomrs.logs" -}}
{{ .Values.spool.mountPath }}/.status/logs
{{- end }}

{{- define "dicomrs.mounts.tmp" -}}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* What the operator makes is optional: pods start before it has, and outlive it. */}}
{{- define "dicomrs.volumes.routes" -}}
- name: routes
  configMap:
    name: {{ include "dicomrs.fullname" . }}-routes
    optional: true
{{- end }}

{{/* (dict "root" $ "component" "scp"): the least that each needs, receivers' secrets or destinations' */}}
{{- define "dicomrs.volumes.secrets" -}}
- name: secrets
  secret:
    secretName: {{ include "dicomrs.fullname" .root }}-{{ .component }}-secrets
    optional: true
    defaultMode: 0440
{{- end }}

{{- define "dicomrs.volumes.spool" -}}
- name: spool
  persistentVolumeClaim:
    claimName: {{ include "dicomrs.claim" . }}
{{- end }}

{{- define "dicomrs.volumes.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}

{{/* Numbers from values are floats; these are whole. */}}
{{- define "dicomrs.ints" -}}
{{- $whole := list }}{{- range . }}{{- $whole = append $whole (int .) }}{{- end }}{{- toJson $whole }}
{{- end }}

{{- define "dicomrs.reservation" -}}
{{- dict "address" .Values.htr.address
         "ports" (include "dicomrs.ints" .Values.htr.ports | fromJsonArray)
         "commitmentPorts" (include "dicomrs.ints" .Values.scu.commitment.ports | fromJsonArray)
         "mountPath" .Values.spool.mountPath | toJson }}
{{- end }}

{{/* A pod of `helm test`: its log is shown when it fails, and then the pod stays for a closer look. */}}
{{- define "dicomrs.test.annotations" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-failed
{{- end }}

{{- define "dicomrs.test.resources" -}}
requests: {cpu: 50m, memory: 64Mi}
limits: {memory: 256Mi}
{{- end }}
