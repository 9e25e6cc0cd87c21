"""What each default breaks: servers and programs that run without it, and not with it, in the words that a user reads.

Pods of them are run by harm_runs.py. docs/defaults.md has the words, which tests/defaults/test_harms.py sees to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.node import server_files as texts
from tests.node.layer import APP_UID
from tests.node.questions import HTTP
from tests.node.servers import SERVERS, Server

_APP: Final = str(APP_UID)
_PORT: Final = 8080
_SERVERS: Final = {server.name: server for server in SERVERS}
KEYS: Final = "host-key"
"""A Secret with a private key, under this name."""

USUAL: Final[dict[str, Any]] = {
    "readOnlyRootFilesystem": {"enabled": True, "writableTmp": True},
    "identity": {"enabled": True},
    "runtimeClassName": {"enabled": True, "name": "absent"},
    "imagePullPolicy": {"enabled": True},
    "hostUsers": {"enabled": True},
    "appArmorProfile": {"enabled": True},
}
"""Settings with which every default acts, as it comes where that is possible."""
OTHER: Final[dict[str, Any]] = {
    "seccompProfile": {"type": "Localhost", "localhostProfile": "absent.json"},
    "resources": {"limits": [{"default": {"memory": "64Mi"}, "defaultRequest": {"memory": "64Mi"}}]},
    "readOnlyRootFilesystem": {"enabled": True},
    "identity": {"enabled": True, "runAsUser": None, "runAsGroup": None},
}
"""Settings that an operator might choose instead."""


class Harm(NamedTuple):
    """A server that a default keeps from running, and what a user reads then. Nothing to read: it runs all the same."""

    default: str
    server: Server
    told: str
    pod: Mapping[str, Any] = {}
    """More of its pod's spec."""
    mounts: Mapping[str, str] = {}
    """Where its container has volumes of the pod, by their names."""
    settings: Mapping[str, Any] = USUAL
    calls_api: bool = False
    """Whether it asks the API server, with the command kubectl: in the node's network, at a port that PORT names."""


def _server(name: str, command: str, user: str = "", **files: str) -> Server:
    """One that runs a command, and serves if that has succeeded."""
    words = ("sh", "-c", f"{command} && exec python3 -m http.server ${{PORT:-{_PORT}}}")
    return Server(name, words, user=user, question=HTTP.at(_PORT), files=files)


def _in_shell(server: Server) -> Server:
    """One that a script starts, as many images do."""
    return server._replace(name=f"{server.name}-by-script", command=("sh", "-c", f"exec {' '.join(server.command)}"))


_LOW_PORTS_CLOSED: Final = {
    "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "1024"}]}
}
"""As the kernel has it, and other container runtimes leave it; containerd 2 opens them to every user."""
_KEY_OF_ROOT: Final = {"volumes": [{"name": KEYS, "secret": {"secretName": KEYS, "defaultMode": 0o400}}]}
_IO_URING: Final = (
    "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); "
    "fd = libc.syscall(425, 4, ctypes.create_string_buffer(256)); "
    "assert fd >= 0, 'io_uring_setup: ' + os.strerror(ctypes.get_errno())"
)
_TRACED: Final = "import ctypes; assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0"
_RAW_SOCKET: Final = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"
_PERMIT: Final = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)

_RUN_AS_NON_ROOT: Final = (
    Harm("runAsNonRoot", _SERVERS["nginx"], "container has runAsNonRoot and image will run as root"),
    Harm(
        "runAsNonRoot",
        _SERVERS["memcached"],
        "container has runAsNonRoot and image has non-numeric user (memcache), cannot verify user is non-root",
    ),
)
_SECCOMP: Final = (
    Harm(
        "seccompProfile",
        _server("sandbox", "unshare --user --map-root-user true"),
        "unshare: unshare failed: Operation not permitted",
    ),
    Harm("seccompProfile", _server("io-uring", f'python3 -c "{_IO_URING}"'), "io_uring_setup: Operation not permitted"),
    Harm(
        "seccompProfile",
        _server("fixed-addresses", "setarch --addr-no-randomize true"),
        "setarch: failed to set personality",
    ),
    Harm("seccompProfile", _server("traced", f'python3 -c "{_TRACED}"'), ""),
    Harm(
        "seccompProfile",
        _server("localhost-profile", "true"),
        'cannot load seccomp profile "/var/lib/kubelet/seccomp/absent.json"',
        settings=OTHER,
    ),
)
_ALLOW_PRIVILEGE_ESCALATION: Final = (
    Harm(
        "allowPrivilegeEscalation",
        _server("sudo", "sudo true", _APP, **{"/etc/sudoers": "ALL ALL=(ALL) NOPASSWD: ALL\n"}),
        "If sudo is running in a container, you may need to adjust the container configuration to disable the flag.",
    ),
    Harm(
        "allowPrivilegeEscalation",
        _server("su", "su --command true", _APP, **{"/etc/pam.d/su": _PERMIT}),
        "su: cannot set groups: Operation not permitted",
    ),
    Harm(
        "allowPrivilegeEscalation",
        _in_shell(_SERVERS["caddy-number"]),
        "listen tcp :80: bind: permission denied",
        pod=_LOW_PORTS_CLOSED,
    ),
    Harm("allowPrivilegeEscalation", _SERVERS["caddy-number"]._replace(name="caddy-alone"), "", pod=_LOW_PORTS_CLOSED),
    Harm("allowPrivilegeEscalation", _SERVERS["redis"]._replace(name="redis-steps-down"), ""),
)
_CAPABILITIES: Final = (
    Harm(
        "capabilities",
        _SERVERS["nginx"]._replace(name="nginx-chown"),
        'chown("/var/lib/nginx/body", 33) failed (1: Operation not permitted)',
    ),
    Harm("capabilities", _SERVERS["redis"], "setpriv: setresuid failed: Operation not permitted"),
    Harm("capabilities", _SERVERS["caddy-number"], "exec /usr/bin/caddy: operation not permitted"),
    Harm(
        "capabilities",
        _server("raw-socket", f'python3 -c "{_RAW_SOCKET}"'),
        "PermissionError: [Errno 1] Operation not permitted",
    ),
    Harm("capabilities", _server("ping", "ping -c 1 127.0.0.1"), "ping: Operation not permitted"),
    Harm(
        "capabilities",
        _SERVERS["registry"]._replace(
            name="registry-80",
            question=HTTP,
            files={"/etc/registry.yml": texts.REGISTRY.replace(":5000", ":80")},
        ),
        "listen tcp :80: bind: permission denied",
        pod=_LOW_PORTS_CLOSED,
    ),
)
_TOKEN_REMOVED: Final = (
    Harm(
        "automountServiceAccountToken",
        _server("kubectl", "kubectl auth whoami"),
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
        calls_api=True,
    ),
    Harm(
        "automountServiceAccountToken",
        _server("own-namespace", f"cat {_TOKEN}/namespace"),
        f"cat: {_TOKEN}/namespace: No such file or directory",
    ),
)
_RESOURCES: Final = (
    Harm("resources", _server("on-full-node", "true"), "Node didn't have enough resource: cpu"),
    Harm(
        "resources",
        Server("large", ("python3", "-c", "import time; kept = bytearray(300 << 20); time.sleep(1000)")),
        "OOMKilled",
        settings=OTHER,
    ),
)
_READ_ONLY: Final = (
    Harm(
        "readOnlyRootFilesystem",
        _SERVERS["nginx"]._replace(name="nginx-read-only"),
        'mkdir() "/var/lib/nginx/body" failed (30: Read-only file system)',
    ),
    Harm("readOnlyRootFilesystem", _SERVERS["nginx-number"]._replace(name="nginx-writable-tmp"), ""),
    Harm("readOnlyRootFilesystem", _server("volume", "touch /data/file")._replace(volumes=("/data",)), ""),
    Harm(
        "readOnlyRootFilesystem",
        _SERVERS["nginx-number"],
        'mkdir() "/tmp/client_body" failed (30: Read-only file system)',
        settings=OTHER,
    ),
)
_IDENTITY: Final = (
    Harm(
        "identity",
        _SERVERS["postgresql"],
        "initdb: could not look up effective user ID 65532: user does not exist",
    ),
    Harm(
        "identity",
        _SERVERS["nginx"]._replace(name="nginx-other-user"),
        'mkdir() "/var/lib/nginx/body" failed (13: Permission denied)',
    ),
    Harm(
        "identity",
        _SERVERS["sshd"]._replace(name="sshd-key", command=(*_SERVERS["sshd"].command, "-h", f"/keys/{KEYS}")),
        "sshd: no hostkeys available -- exiting.",
        pod=_KEY_OF_ROOT,
        mounts={KEYS: "/keys"},
        settings=OTHER,
    ),
)
_HOST_USERS: Final = (
    Harm(
        "hostUsers",
        _server("device", "mkdir /srv/dev && mknod /srv/dev/null c 1 3"),
        "mknod: /srv/dev/null: Operation not permitted",
    ),
    Harm(
        "hostUsers",
        _SERVERS["listener"]._replace(name="high-user", user="100000"),
        "container ID 100000 cannot be mapped to a host ID",
    ),
)
HARMS: Final = (
    *_RUN_AS_NON_ROOT,
    *_SECCOMP,
    *_ALLOW_PRIVILEGE_ESCALATION,
    *_CAPABILITIES,
    *_TOKEN_REMOVED,
    *_RESOURCES,
    *_READ_ONLY,
    *_IDENTITY,
    Harm("imagePullPolicy", _server("loaded-by-hand", "true"), "failed to pull and unpack image"),
    *_HOST_USERS,
    Harm(
        "appArmorProfile", _server("confined", "true"), "Cannot enforce AppArmor: AppArmor is not enabled on the host"
    ),
)
ELSEWHERE: Final = {
    "os": "Forbidden: cannot be set for a windows pod",
    "runtimeClassName": 'no runtime for "absent" is configured',
}
"""What a user reads where it is not what a container says: tests of their own in test_harm.py."""
