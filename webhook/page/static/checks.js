// What a violation means, which fields to change, and to what. Generated from patches/standards/checks/ by `make tables`: change it there.

export const CHECKS = {
  "appArmorProfile": {
    "title": "AppArmor is switched off or of an unknown profile",
    "field": "securityContext.appArmorProfile.type",
    "fix": "`securityContext.appArmorProfile.type` of pod and container: unset, `RuntimeDefault` or `Localhost`; the annotation: absent, `runtime/default` or `localhost/…`"
  },
  "capabilities_baseline": {
    "title": "Capabilities beyond those that runtimes grant",
    "field": "securityContext.capabilities.add",
    "fix": "container `securityContext.capabilities.add`: remove all others"
  },
  "hostNamespaces": {
    "title": "Shares the network, processes or IPC of its node",
    "field": "spec.hostNetwork, spec.hostPID, spec.hostIPC",
    "fix": "`hostNetwork`, `hostPID`, `hostIPC`: unset or `false`"
  },
  "hostPathVolumes": {
    "title": "Mounts a directory of the node",
    "field": "spec.volumes[*].hostPath",
    "fix": "`volumes[*].hostPath`: use another type of volume"
  },
  "hostPorts": {
    "title": "Takes a port of the node",
    "field": "ports[*].hostPort",
    "fix": "container `ports[*].hostPort`: unset or `0`"
  },
  "hostProbesAndHostLifecycle": {
    "title": "A probe or hook calls another host",
    "field": "host of probes and lifecycle hooks",
    "fix": "container `livenessProbe`, `readinessProbe`, `startupProbe`, `lifecycle.postStart` and `lifecycle.preStop`: `httpGet.host` and `tcpSocket.host` unset; for another virtual host, set the header `Host` in `httpGet.httpHeaders`"
  },
  "privileged": {
    "title": "A privileged container",
    "field": "securityContext.privileged",
    "fix": "container `securityContext.privileged`: unset or `false`"
  },
  "procMount": {
    "title": "/proc is not masked",
    "field": "securityContext.procMount",
    "fix": "container `securityContext.procMount`: unset or `Default`"
  },
  "seLinuxOptions": {
    "title": "SELinux options of its own",
    "field": "securityContext.seLinuxOptions",
    "fix": "`securityContext.seLinuxOptions` of pod and container: `type` unset or one of these, `user` and `role` unset"
  },
  "seccompProfile_baseline": {
    "title": "Seccomp is switched off",
    "field": "securityContext.seccompProfile.type",
    "fix": "`securityContext.seccompProfile.type` of pod and container: `RuntimeDefault` or `Localhost`, or no `seccompProfile` at all; the annotations up to 1.18: `runtime/default`, `docker/default` or `localhost/…`"
  },
  "sysctls": {
    "title": "Sysctls that reach beyond the pod",
    "field": "spec.securityContext.sysctls",
    "fix": "`securityContext.sysctls`: remove all others"
  },
  "windowsHostProcess": {
    "title": "A Windows process of the node itself",
    "field": "securityContext.windowsOptions.hostProcess",
    "fix": "`securityContext.windowsOptions.hostProcess` of pod and container: unset or `false`"
  },
  "allowPrivilegeEscalation": {
    "title": "May gain privileges",
    "field": "securityContext.allowPrivilegeEscalation",
    "fix": "container `securityContext.allowPrivilegeEscalation`: `false`"
  },
  "capabilities_restricted": {
    "title": "Keeps or adds capabilities",
    "field": "securityContext.capabilities",
    "fix": "container `securityContext.capabilities.drop`: `[\"ALL\"]`; `securityContext.capabilities.add`: unset or `[\"NET_BIND_SERVICE\"]`"
  },
  "procMount_restricted": {
    "title": "/proc is not masked",
    "field": "securityContext.procMount",
    "fix": "container `securityContext.procMount`: unset or `Default`"
  },
  "restrictedVolumes": {
    "title": "A volume of a type that restricted does not allow",
    "field": "spec.volumes",
    "fix": "`volumes[*]`: use one of these types; storage of another kind can be had through a `persistentVolumeClaim`"
  },
  "runAsNonRoot": {
    "title": "May run as root",
    "field": "securityContext.runAsNonRoot",
    "fix": "`securityContext.runAsNonRoot`: `true` on the pod or on every container, and `false` on none; the image then needs a numeric user other than 0, or `runAsUser` has to name one"
  },
  "runAsUser": {
    "title": "Runs as user 0",
    "field": "securityContext.runAsUser",
    "fix": "`securityContext.runAsUser` of pod and container: unset or another number than `0`"
  },
  "seccompProfile_restricted": {
    "title": "No seccomp profile",
    "field": "securityContext.seccompProfile.type",
    "fix": "`securityContext.seccompProfile.type`: `RuntimeDefault` or `Localhost` on the pod or on every container, and nothing else on any"
  }
};
