// What there is to try.

/** Three workloads as people write them: one that defaults make compliant, one that asks for more, one done right. */
export const TYPICAL = `# Nothing is set: the defaults fill it in.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
      - name: web
        image: registry.example/shop:1.4
        ports:
        - containerPort: 8080
      - name: cache
        image: registry.example/cache:7
        resources:
          limits: {memory: 256Mi}
---
# Asks for more than restricted allows: only its author can decide.
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-agent
spec:
  selector:
    matchLabels: {app: node-agent}
  template:
    metadata:
      labels: {app: node-agent}
    spec:
      hostNetwork: true
      containers:
      - name: agent
        image: registry.example/agent:2.0
        securityContext:
          runAsUser: 0
        volumeMounts:
        - {name: logs, mountPath: /var/log}
      volumes:
      - name: logs
        hostPath: {path: /var/log}
---
# Says it all itself.
apiVersion: v1
kind: Pod
metadata:
  name: report
spec:
  automountServiceAccountToken: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: report
    image: registry.example/report:3.1
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
`;

/** One document of three cannot be read. */
export const BROKEN = `apiVersion: v1
kind: Pod
metadata:
  name: first
spec:
  containers:
  - name: web
    image: registry.example/web:1
---
apiVersion: v1
kind: Pod
metadata:
  name: second
spec:
  containers: three
---
apiVersion: v1
kind: Pod
metadata:
  name: third
spec:
  containers:
  - name: web
    image: registry.example/web:1
    securityContext:
      privileged: true
`;
