// The defaults by id, in a few words. Generated from patches/defaults/ by `make tables`: change it there.

export const DEFAULTS = {
  "runAsNonRoot": "May not run as root",
  "os": "Declared as a Windows pod",
  "seccompProfile": "System calls filtered",
  "allowPrivilegeEscalation": "No gain of privileges",
  "capabilities": "Capabilities dropped",
  "automountServiceAccountToken": "No API token mounted",
  "resources": "Requests and limits",
  "readOnlyRootFilesystem": "Read-only root filesystem",
  "identity": "User and group",
  "runtimeClassName": "Runtime class",
  "imagePullPolicy": "Image pulled each time",
  "hostUsers": "User namespace of its own",
  "appArmorProfile": "AppArmor profile"
};
