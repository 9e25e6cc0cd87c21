"""Reads the file capabilities of a file, as an image has them.

Only those count without which the kernel does not execute the file: the permitted ones, if the effective bit is set.
Sources: capabilities(7), "Safety checking for capability-dumb binaries"; `vfs_cap_data` in
linux/capability.h; `get_vfs_caps_from_disk` and `bprm_caps_from_vfs_caps` of the kernel.
"""

from __future__ import annotations

import struct
from typing import Final

from webhook.errors import RegistryError

_VERSION_2: Final = struct.Struct("<5I")
_VERSION_3: Final = struct.Struct("<6I")
_LAYOUTS: Final = {0x02000000: _VERSION_2, 0x03000000: _VERSION_3}
_VERSION: Final = 0xFF000000
_EFFECTIVE: Final = 1
_NAMES: Final = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
)
"""By number."""


def needed_capabilities(attribute: bytes) -> frozenset[str]:
    """Find out which capabilities a container needs to execute a file.

    Args:
        attribute: the extended attribute `security.capability` of the file; empty for none.

    Returns:
        Their names, as `NET_BIND_SERVICE`. The kernel ignores numbers that it does not know, and the capabilities of a
        file that belong to the root user of another user namespace: so do we.

    Raises:
        RegistryError: if no kernel would take the attribute, so that the image cannot be unpacked.
    """
    if not attribute:
        return frozenset()
    magic = int.from_bytes(attribute[:4], "little")
    layout = _LAYOUTS.get(magic & _VERSION)
    if layout is None or layout.size != len(attribute):
        raise RegistryError("a file has capabilities that cannot be read")
    _, low, _, high, _, *owner = layout.unpack(attribute)
    if not magic & _EFFECTIVE or any(owner):
        return frozenset()
    permitted = low | high << 32
    return frozenset(name for number, name in enumerate(_NAMES) if permitted >> number & 1)
