{{- define "ark.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "ark.selector" -}}
app.kubernetes.io/name: ark-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ark.labels" -}}
{{ include "ark.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "ark.sqlite" -}}
{{- if eq .Values.ark.storage.driver "sqlite" }}true{{ end -}}
{{- end -}}

{{- define "ark.replicas" -}}
{{- if kindIs "invalid" .Values.replicas }}{{ ternary 1 2 (eq .Values.ark.storage.driver "sqlite") }}{{ else }}{{ .Values.replicas }}{{ end -}}
{{- end -}}

{{- define "ark.tlsSecret" -}}
{{- if eq .Values.tls.source "secret" }}{{ .Values.tls.secretName }}{{ else }}{{ include "ark.fullname" . }}-tls{{ end -}}
{{- end -}}

{{- define "ark.host" -}}
{{ include "ark.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The name by which engines of every namespace reach the broker. */}}
{{- define "ark.brokerHost" -}}
{{ include "ark.fullname" . }}-broker.{{ .Release.Namespace }}.svc.{{ .Values.ark.broker.clusterDomain }}
{{- end -}}

{{/* Values that contradict each other are refused here, with the reason. */}}
{{- define "ark.validate" -}}
{{- $s := .Values.ark.storage -}}
{{- if eq $s.driver "sqlite" -}}
{{- if gt (int (include "ark.replicas" .)) 1 -}}
{{- fail (printf "\n\nreplicas=%s with ark.storage.driver=sqlite: a SQLite file has one writer, so a second pod could not start.\nSet replicas to 1, or choose ark.storage.driver=postgresql or mysql for high availability.\n" (include "ark.replicas" .)) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "\n\nautoscaling.enabled with ark.storage.driver=sqlite: a SQLite file has one writer.\nChoose ark.storage.driver=postgresql or mysql to run several pods.\n" -}}
{{- end -}}
{{- if not (hasPrefix "/" $s.path) -}}
{{- fail (printf "\n\nark.storage.path=%s: give the whole path, such as /data/ark.db\n" $s.path) -}}
{{- end -}}
{{- if ne $s.path (clean $s.path) -}}
{{- fail (printf "\n\nark.storage.path=%s: name a file by its shortest path, such as %s\n" $s.path (clean $s.path)) -}}
{{- end -}}
{{- $folder := dir $s.path -}}
{{- if eq $folder "/" -}}
{{- fail (printf "\n\nark.storage.path=%s: the volume would be mounted over /, and hide the server itself: choose a file in a folder, such as /data/ark.db\n" $s.path) -}}
{{- end -}}
{{- range $taken := list "tmp" "tls" "read-model" "database" "audit" "tracing" "console" "proc" "sys" "dev" "etc" "usr" "run" "var/run" -}}
{{- if or (eq $folder (printf "/%s" $taken)) (hasPrefix (printf "/%s/" $taken) $folder) -}}
{{- fail (printf "\n\nark.storage.path=%s: the volume would be mounted over /%s, which the pod needs for something else: choose another folder, such as /data/ark.db\n" $s.path $taken) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if not $s.host -}}
{{- fail (printf "\n\nark.storage.host is empty: name the %s server, such as --set ark.storage.host=db.example.com\n" $s.driver) -}}
{{- end -}}
{{- if and (not $s.passwordSecret.name) (not $s.tls.clientSecret) -}}
{{- fail "\n\nark.storage.passwordSecret.name is empty: make a Secret with the database password and name it, such as\n  kubectl create secret generic ark-db --from-literal=password=...\n  --set ark.storage.passwordSecret.name=ark-db\n" -}}
{{- end -}}
{{- end -}}
{{- $flags := splitList "\n" (.Files.Get "files/flags.txt") -}}
{{- range .Values.ark.extraArgs -}}
{{- $flag := regexFind "^--[a-z0-9-]+" . -}}
{{- if not (and $flag (has $flag $flags)) -}}
{{- fail (printf "\n\nark.extraArgs has %q, which is no flag of ark-server: give each as one item, such as --v=2 (ark-server --help-all lists them)\n" .) -}}
{{- end -}}
{{- if not (regexMatch "^--[a-z0-9-]+(=|$)" .) -}}
{{- fail (printf "\n\nark.extraArgs has %q: give the flag and its value as one item, such as --v=2\n" .) -}}
{{- end -}}
{{- end -}}
{{- $oidc := .Values.ark.console.oidc -}}
{{- if ne (empty $oidc.issuerUrl) (empty $oidc.clientId) -}}
{{- fail "\n\nark.console.oidc needs both issuerUrl and clientId: register the console at the issuer, with the redirect URI https://NAME/console/signed-in\n" -}}
{{- end -}}
{{- if and (not $oidc.issuerUrl) (or $oidc.clientSecret.name $oidc.caSecret.name) -}}
{{- fail "\n\nark.console.oidc names a Secret, but no issuer: set issuerUrl and clientId, too\n" -}}
{{- end -}}
{{- if and $oidc.issuerUrl (not .Values.ark.console.enabled) -}}
{{- fail "\n\nark.console.oidc is for the console, which ark.console.enabled=false leaves out\n" -}}
{{- end -}}
{{- if and (eq .Values.tls.source "secret") (or (not .Values.tls.secretName) (and .Values.apiService.create (not .Values.tls.caBundle))) -}}
{{- fail "\n\ntls.source=secret needs tls.secretName, and tls.caBundle with the PEM of the authority that signed it\n" -}}
{{- end -}}
{{- end -}}

{{/* kube-system may use the cluster's own priority; a quota often keeps other namespaces from it. */}}
{{- define "ark.priorityClass" -}}
{{- if .Values.priorityClassName }}{{ .Values.priorityClassName }}{{ else if eq .Release.Namespace "kube-system" }}system-cluster-critical{{ end -}}
{{- end -}}

{{/* The Service by the name that Ark's tools look for, where it is not the release's own. */}}
{{- define "ark.alias" -}}
{{- if and .Values.service.alias (ne .Values.service.alias (include "ark.fullname" .)) }}{{ .Values.service.alias }}{{ end -}}
{{- end -}}

{{- define "ark.podSpec" -}}
{{- $s := .Values.ark.storage -}}
{{- $name := include "ark.fullname" . -}}
serviceAccountName: {{ $name }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "ark.priorityClass" . }}
priorityClassName: {{ . }}
{{- end }}
# The delay, a request's minute, the watches, and some to spare.
terminationGracePeriodSeconds: 90
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .Values.topologySpreadConstraints }}
{{- toYaml .Values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "ark.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
containers:
  - name: ark-server
    image: "{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      - --mode=aggregated
      - --secure-port=6443
      - --tls-cert-file=/tls/tls.crt
      - --tls-private-key-file=/tls/tls.key
      - --storage={{ $s.driver }}
      {{- if eq $s.driver "sqlite" }}
      - --db-path={{ $s.path }}
      - --db-synchronous={{ $s.synchronous }}
      {{- else }}
      - --db-host={{ $s.host }}
      {{- with $s.port }}
      - --db-port={{ . }}
      {{- end }}
      - --db-name={{ $s.database }}
      - --db-user={{ $s.user }}
      {{- if $s.passwordSecret.name }}
      - --db-password-file=/database/password/{{ $s.passwordSecret.key }}
      {{- end }}
      {{- with $s.tls.mode }}
      - --db-tls-mode={{ . }}
      {{- end }}
      {{- if $s.tls.caSecret.name }}
      - --db-tls-ca-file=/database/ca/{{ $s.tls.caSecret.key }}
      {{- end }}
      {{- if $s.tls.clientSecret }}
      - --db-tls-cert-file=/database/client/tls.crt
      - --db-tls-key-file=/database/client/tls.key
      {{- end }}
      - --db-max-connections={{ $s.maxConnections }}
      - --db-migrate={{ $s.migrate }}
      # What is there outlives the container, so one that starts again notices an older copy of the database.
      - --mark-dir={{ ternary "/mark" "/tmp" (ne $s.markClaim "") }}
      - --peer-listen=[$(POD_IP)]:6444
      {{- end }}
      {{- if .Values.ark.readModel.enabled }}
      - --read-model-path=/read-model/ark.read.db
      - --read-model-max-size={{ .Values.ark.readModel.size }}
      {{- else }}
      - --read-model=off
      {{- end }}
      {{- if not .Values.ark.history.enabled }}
      - --history=off
      {{- else if .Values.ark.history.chain }}
      - --history-chain
      {{- end }}
      - --compaction-interval={{ .Values.ark.compactionInterval }}
      - --shutdown-delay-duration={{ .Values.ark.shutdown.delay }}
      - --shutdown-watch-termination-grace-period={{ .Values.ark.shutdown.watchGrace }}
      - --log-level={{ .Values.ark.logLevel }}
      - --log-format={{ .Values.ark.logFormat }}
      {{- with .Values.ark.disableAdmissionPlugins }}
      - --disable-admission-plugins={{ join "," . }}
      {{- end }}
      - --engine={{ .Values.ark.engine.mode }}
      {{- if eq .Values.ark.engine.mode "embedded" }}
      - --engine-concurrency={{ .Values.ark.engine.concurrency }}
      {{- with .Values.ark.engine.allowedAddresses }}
      - --engine-allowed-addresses={{ join "," . }}
      {{- end }}
      {{- end }}
      {{- if .Values.ark.direct.enabled }}
      - --direct
      - --direct-outage-grace={{ .Values.ark.direct.outageGrace }}
      {{- if .Values.ark.direct.reviewNames }}
      - --direct-review-names
      {{- end }}
      {{- end }}
      - --chat={{ ternary "on" "off" .Values.ark.chat.enabled }}
      {{- with and .Values.ark.chat.enabled .Values.ark.chat.corsAllowedOrigins }}
      - --cors-allowed-origins={{ join "," . }}
      {{- end }}
      {{- if .Values.ark.pg.enabled }}
      {{- if not .Values.ark.readModel.enabled }}
      {{- fail "ark.pg.enabled asks the read model: set ark.readModel.enabled=true" }}
      {{- end }}
      - --pg-listen=:5433
      {{- end }}
      - --console={{ ternary "on" "off" .Values.ark.console.enabled }}
      {{- with and .Values.ark.console.enabled .Values.ark.console.hosts }}
      - --console-hosts={{ join "," . }}
      {{- end }}
      {{- with .Values.ark.console.oidc }}
      {{- if .issuerUrl }}
      - --console-oidc-issuer-url={{ .issuerUrl }}
      - --console-oidc-client-id={{ .clientId }}
      {{- if .clientSecret.name }}
      - --console-oidc-client-secret-file=/console/client/{{ .clientSecret.key }}
      {{- end }}
      {{- if .caSecret.name }}
      - --console-oidc-ca-file=/console/ca/{{ .caSecret.key }}
      {{- end }}
      {{- end }}
      {{- end }}
      {{- if .Values.ark.broker.enabled }}
      - --broker-listen=0.0.0.0:8081
      - --broker-url=http://{{ include "ark.brokerHost" . }}:{{ .Values.ark.broker.port }}
      {{- end }}
      {{- if .Values.ark.audit.enabled }}
      - --audit-policy-file=/audit/policy.yaml
      - --audit-log-path=-
      {{- end }}
      {{- if .Values.ark.tracing.enabled }}
      - --tracing-config-file=/tracing/config.yaml
      {{- end }}
      {{- with .Values.ark.extraArgs }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- if or (ne $s.driver "sqlite") .Values.ark.extraEnv }}
    env:
      {{- if ne $s.driver "sqlite" }}
      - name: POD_IP
        valueFrom: {fieldRef: {fieldPath: status.podIP}}
      {{- end }}
      {{- with .Values.ark.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- end }}
    ports:
      - name: https
        containerPort: 6443
      {{- if ne $s.driver "sqlite" }}
      # Where the replicas call each other.
      - name: peers
        containerPort: 6444
      {{- end }}
      {{- if .Values.ark.pg.enabled }}
      # Where BI tools ask by PostgreSQL's protocol.
      - name: postgres
        containerPort: 5433
      {{- end }}
      {{- if .Values.ark.broker.enabled }}
      # Where engines write streams.
      - name: broker
        containerPort: 8081
      {{- end }}
    # Whatever the database does, a restart would not help: liveness does not ask it.
    startupProbe:
      httpGet: {path: /livez, port: https, scheme: HTTPS}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /livez, port: https, scheme: HTTPS}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: "/readyz?exclude=memory", port: https, scheme: HTTPS}
      periodSeconds: 3
      timeoutSeconds: 3
      failureThreshold: 2
    resources: {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    volumeMounts:
      - name: tls
        mountPath: /tls
        readOnly: true
      - name: tmp
        mountPath: /tmp
      {{- if .Values.ark.readModel.enabled }}
      - name: read-model
        mountPath: /read-model
      {{- end }}
      {{- if and (ne $s.driver "sqlite") $s.markClaim }}
      - name: mark
        mountPath: /mark
      {{- end }}
      {{- if eq $s.driver "sqlite" }}
      - name: data
        mountPath: {{ dir $s.path }}
      {{- end }}
      {{- if and (ne $s.driver "sqlite") $s.passwordSecret.name }}
      - name: database-password
        mountPath: /database/password
        readOnly: true
      {{- end }}
      {{- if and (ne $s.driver "sqlite") $s.tls.caSecret.name }}
      - name: database-ca
        mountPath: /database/ca
        readOnly: true
      {{- end }}
      {{- if and (ne $s.driver "sqlite") $s.tls.clientSecret }}
      - name: database-client
        mountPath: /database/client
        readOnly: true
      {{- end }}
      {{- if .Values.ark.console.oidc.clientSecret.name }}
      - name: console-client
        mountPath: /console/client
        readOnly: true
      {{- end }}
      {{- if .Values.ark.console.oidc.caSecret.name }}
      - name: console-ca
        mountPath: /console/ca
        readOnly: true
      {{- end }}
      {{- if .Values.ark.audit.enabled }}
      - name: audit
        mountPath: /audit
        readOnly: true
      {{- end }}
      {{- if .Values.ark.tracing.enabled }}
      - name: tracing
        mountPath: /tracing
        readOnly: true
      {{- end }}
volumes:
  - name: tls
    secret:
      secretName: {{ include "ark.tlsSecret" . }}
      defaultMode: 0440
      items:
        - {key: tls.crt, path: tls.crt}
        - {key: tls.key, path: tls.key}
  - name: tmp
    emptyDir: {}
  {{- if .Values.ark.readModel.enabled }}
  # It is built again where it is lost. The server keeps it within its bound: a pod is not evicted for it.
  - name: read-model
    emptyDir: {}
  {{- end }}
  {{- if and (ne $s.driver "sqlite") $s.markClaim }}
  - name: mark
    persistentVolumeClaim:
      claimName: {{ $s.markClaim }}
  {{- end }}
  {{- if and (eq $s.driver "sqlite") .Values.persistence.existingClaim }}
  - name: data
    persistentVolumeClaim:
      claimName: {{ .Values.persistence.existingClaim }}
  {{- end }}
  {{- if and (ne $s.driver "sqlite") $s.passwordSecret.name }}
  - name: database-password
    secret:
      secretName: {{ $s.passwordSecret.name }}
      defaultMode: 0440
  {{- end }}
  {{- if and (ne $s.driver "sqlite") $s.tls.caSecret.name }}
  - name: database-ca
    secret:
      secretName: {{ $s.tls.caSecret.name }}
  {{- end }}
  {{- if and (ne $s.driver "sqlite") $s.tls.clientSecret }}
  - name: database-client
    secret:
      secretName: {{ $s.tls.clientSecret }}
      defaultMode: 0440
  {{- end }}
  {{- with .Values.ark.console.oidc.clientSecret.name }}
  - name: console-client
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
  {{- with .Values.ark.console.oidc.caSecret.name }}
  - name: console-ca
    secret:
      secretName: {{ . }}
  {{- end }}
  {{- if .Values.ark.audit.enabled }}
  - name: audit
    configMap:
      name: {{ $name }}-audit
  {{- end }}
  {{- if .Values.ark.tracing.enabled }}
  - name: tracing
    configMap:
      name: {{ $name }}-tracing
  {{- end }}
{{- end -}}

{{- define "ark.podMeta" -}}
labels:
  {{- include "ark.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  {{- if .Values.ark.audit.enabled }}
  checksum/audit: {{ toJson .Values.ark.audit.rules | sha256sum }}
  {{- end }}
  {{- if .Values.ark.tracing.enabled }}
  checksum/tracing: {{ toJson .Values.ark.tracing | sha256sum }}
  {{- end }}
  kubectl.kubernetes.io/default-container: ark-server
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
