"""File capabilities as an extended attribute has them, and as `setcap` and GNU tar write them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.registry.content import BIND
from tests.registry.test_layer import read
from webhook.errors import RegistryError
from webhook.registry.capabilities import needed_capabilities


def attribute(*names: int, version: int = 2, effective: bool = True, owner: int = 0) -> bytes:
    """Permits capabilities by number."""
    bits = sum(1 << number for number in names)
    words = [version << 24 | effective, bits & 0xFFFFFFFF, 0, bits >> 32, 0, *([owner] if version == 3 else [])]
    return struct.pack(f"<{len(words)}I", *words)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"", set()),
        (BIND, {"NET_BIND_SERVICE"}),
        (attribute(10, version=3), {"NET_BIND_SERVICE"}),
        (attribute(0, 10, 13, 40), {"CHOWN", "NET_BIND_SERVICE", "NET_RAW", "CHECKPOINT_RESTORE"}),
        (attribute(10, effective=False), set()),
        (attribute(10, version=3, owner=100_000), set()),
        (attribute(), set()),
        (attribute(41, 63), set()),
        (struct.pack("<5I", 0x02000001, 0, 1 << 10, 0, 0), set()),
    ],
    ids=["none", "v2", "v3", "several", "not effective", "of another root", "empty", "unknown", "inheritable"],
)
def test_what_is_needed(data: bytes, names: set[str]) -> None:
    """The permitted ones that the kernel knows, where the effective bit is set."""
    assert needed_capabilities(data) == names


@pytest.mark.parametrize(
    "data",
    [b"\0", BIND[:-1], BIND + b"\0", attribute(10, version=1), attribute(10, version=4), b"\x01\0\0\x03" + BIND[4:]],
)
def test_what_no_kernel_takes(data: bytes) -> None:
    """Other versions and lengths: such an image cannot be unpacked."""
    with pytest.raises(RegistryError, match="capabilities that cannot be read"):
        needed_capabilities(data)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cap_net_bind_service=ep", {"NET_BIND_SERVICE"}),
        ("cap_net_raw,cap_setuid=ep", {"NET_RAW", "SETUID"}),
        ("cap_wake_alarm,cap_bpf=eip", {"WAKE_ALARM", "BPF"}),
        ("cap_net_admin=p", set()),
    ],
)
def test_what_the_programs_of_debian_write(tmp_path: Path, text: str, names: set[str]) -> None:
    """`setcap` and GNU tar, packed as a layer."""
    if shutil.which("setcap") is None:
        pytest.skip("no file capabilities: `apt-get install libcap2-bin`")
    (tmp_path / "web").write_bytes(b"\x7fELF")
    done = subprocess.run(["setcap", text, tmp_path / "web"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this user or file system has no file capabilities: {done.stderr.strip()}")
    words = ["tar", "--xattrs", "--xattrs-include=*", "--format=pax", "-cf", "layer", "web"]
    subprocess.run(words, check=True, cwd=tmp_path)
    (entry,) = read((tmp_path / "layer").read_bytes()).entries
    assert needed_capabilities(entry.capability) == names
