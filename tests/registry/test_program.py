"""The file capabilities of an image's program: which file the program is, after all layers."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.registry.content import BIND, ELF, PASSWD, Files, directory, executable, hard_link, link, tar
from webhook.errors import RegistryError
from webhook.registry import tree
from webhook.registry.files import ImageFiles
from webhook.registry.layer import LayerReader
from webhook.registry.program import file_capabilities, read_command

CADDY: Final = executable(capability=BIND)
PLAIN: Final = executable()
SCRIPT: Final = executable(b"#!/bin/sh\n")
BOUND: Final = frozenset({"NET_BIND_SERVICE"})
RAW: Final = bytes.fromhex("0100000200200000000000000000000000000000")
NOT_EFFECTIVE: Final = b"\0" + BIND[1:]


def apply(files: ImageFiles, *layers: Files) -> None:
    """Read layers, the oldest first."""
    for layer in layers:
        files.tree.next_layer()
        LayerReader(files, packed=False).feed(tar(layer))


def found(*layers: Files, **config: Any) -> bool | frozenset[str] | None:
    """What is found out about an image; `caddy run` is executed, if nothing else is said."""
    config = {"entrypoint": ["caddy", "run"], "cmd": None, "env": None, "directory": None, **config}
    command = read_command(**config)
    files = ImageFiles(command.programs)
    apply(files, *layers)
    return file_capabilities(command, files.tree)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([{"usr/bin/caddy": CADDY}], BOUND),
        ([{"usr/bin/caddy": PLAIN}], False),
        ([{"usr/bin/caddy": executable(capability=NOT_EFFECTIVE)}], False),
        ([{"usr/bin/caddy": PLAIN, "usr/bin/ping": executable(capability=RAW)}], False),
        ([{"usr/bin/caddy": PLAIN}, {"usr/bin/caddy": CADDY}], BOUND),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/caddy": PLAIN}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/caddy": b"not executable"}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/.wh.caddy": b""}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr/.wh.bin": b""}], False),
        ([{"usr/bin/caddy": CADDY}, {".wh.usr": b""}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/.wh..wh..opq": b""}], False),
        ([{"usr/bin/caddy": CADDY}, {".wh..wh..opq": b""}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr": b"a file"}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr": link("else")}], False),
        ([{"usr/bin/caddy": CADDY}, {"usr": directory(), "usr/bin": directory()}], BOUND),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/.wh..wh..opq": b"", "usr/bin/caddy": CADDY}], BOUND),
        ([{"usr/bin/caddy": PLAIN}, {"usr/bin/caddy": CADDY, "usr/bin/.wh..wh..opq": b""}], BOUND),
        ([{"usr/bin/caddy": PLAIN}, {"usr/bin/caddy": CADDY, "usr/.wh.bin": b""}], BOUND),
        ([{"usr/bin/caddy": PLAIN}, {"usr/bin/caddy": CADDY, ".wh.usr": b"", "usr/.wh..wh..opq": b""}], BOUND),
        ([{"usr/bin/caddy": CADDY}, {"usr/bin/.wh.other": b"", "usr/lib/.wh..wh..opq": b"", ".wh.x": b""}], BOUND),
        ([{"usr/bin/a/caddy": CADDY}, {"usr/bin/caddy": directory()}], None),
    ],
)
def test_the_newest_layer_counts(layers: list[Files], *, expected: bool | frozenset[str] | None) -> None:
    """Files that are written again or taken away, alone or with their directories."""
    assert found(*layers) == expected


@pytest.mark.parametrize(
    "layers",
    [
        [{"usr/bin/caddy": link("caddy2"), "usr/bin/caddy2": CADDY}],
        [{"usr/bin/caddy2": CADDY}, {"usr/bin/caddy": link("/opt/./caddy"), "opt/caddy": link("../usr/bin/caddy2")}],
        [{"bin": link("usr/bin"), "usr/bin/caddy": CADDY}],
        [{"sbin": link("bin"), "bin": link("/usr/bin"), "usr/bin/caddy": CADDY}],
        [{"bin": link("usr/bin")}, {"bin/caddy": CADDY}],
        [{"bin": link("usr/bin"), "usr/bin/caddy": PLAIN}, {"bin/.wh.caddy": b"", "bin/caddy": CADDY}],
        [{"bin": link("../../usr/bin"), "usr/bin/caddy": CADDY}],
        [{"usr/bin/caddy2": CADDY, "usr/bin/caddy": hard_link("usr/bin/caddy2")}],
        [{"usr/bin/caddy2": PLAIN, "usr/bin/caddy": hard_link("/usr/bin/caddy2", BIND)}],
        [{"usr/bin/caddy": PLAIN, "usr/bin/caddy2": hard_link("usr/bin/caddy", BIND)}],
        [{"usr/bin/caddy2": CADDY}, {"usr/bin/caddy": hard_link("./usr/bin/caddy2")}, {"usr/bin/.wh.caddy2": b""}],
    ],
)
@pytest.mark.parametrize("word", ["caddy", "/usr/bin/caddy", "/bin/caddy"])
def test_links_are_followed(layers: list[Files], word: str) -> None:
    """Symbolic links of files and directories, on the way to what a layer adds too; hard links share the file."""
    if word == "/bin/caddy" and not any("bin" in layer for layer in layers):
        layers = [*layers, {"bin": link("usr/bin")}]
    assert found(*layers, entrypoint=[word]) == BOUND


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"entrypoint": ["/opt/web"]}, BOUND),
        ({"entrypoint": None, "cmd": ["/opt/web"]}, BOUND),
        ({"entrypoint": [], "cmd": ["/opt/web"]}, BOUND),
        ({"entrypoint": ["./web"], "directory": "/opt"}, BOUND),
        ({"entrypoint": ["../opt/web"], "directory": "/srv/"}, BOUND),
        ({"entrypoint": ["opt/web"]}, BOUND),
        ({"entrypoint": ["web"], "env": ["PATH=/opt:/bin"]}, BOUND),
        ({"entrypoint": ["web"], "env": ["PATH=/bin:/opt"]}, False),
        ({"entrypoint": ["web"], "env": ["PATH=/none:"], "directory": "opt"}, BOUND),
        ({"entrypoint": ["web"], "env": ["OTHER", "PATHS=/opt"]}, False),
        ({"entrypoint": ["web"], "env": ["PATH=/text:/opt"]}, BOUND),
        ({"entrypoint": ["/opt/other"]}, None),
        ({"entrypoint": ["/opt/none"]}, None),
        ({"entrypoint": None}, None),
        ({"entrypoint": [""]}, None),
        ({"entrypoint": ["/bin"]}, None),
        ({"entrypoint": ["/loop"]}, None),
        ({"entrypoint": ["x" * 5000 + "/web"]}, None),
        ({"entrypoint": "web", "cmd": {"a": 1}, "env": 7, "directory": 7}, None),
    ],
)
def test_the_program(config: dict[str, Any], *, expected: bool | frozenset[str] | None) -> None:
    """Looked up as a runtime does, from the working directory or along PATH."""
    files: Files = {
        "opt/web": CADDY,
        "bin/web": PLAIN,
        "text/web": b"not executable",
        "opt/other": link("unseen"),
        "loop": link("loop"),
    }
    assert found(files, **config) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"entrypoint": ["/entrypoint.sh"], "cmd": ["caddy", "run"]}, BOUND),
        ({"entrypoint": ["/entrypoint.sh"], "cmd": ["serve"]}, None),
        ({"entrypoint": ["tini", "--", "/usr/bin/caddy"]}, BOUND),
        ({"entrypoint": ["tini", "--", "serve"]}, None),
        ({"entrypoint": ["/bin/sh", "-c", "exec caddy"]}, None),
        ({"entrypoint": ["serve", "caddy"]}, False),
        ({"entrypoint": ["dumb-init", "serve"]}, frozenset({"NET_RAW"})),
    ],
)
def test_programs_that_execute_others(config: dict[str, Any], *, expected: bool | frozenset[str] | None) -> None:
    """What the command names counts; what a script may do by itself is not known."""
    files: Files = {
        "entrypoint.sh": SCRIPT,
        "usr/bin/tini": PLAIN,
        "usr/bin/dumb-init": executable(capability=RAW),
        "bin/sh": link("dash"),
        "usr/bin/serve": PLAIN,
        "usr/bin/caddy": CADDY,
    }
    assert found(files, **config) == expected


def test_scripts_where_no_file_has_capabilities() -> None:
    """There is nothing that they could execute."""
    assert found({"entrypoint.sh": SCRIPT}, entrypoint=["/entrypoint.sh"]) is False
    assert found(entrypoint=None) is False
    ping: Files = {"entrypoint.sh": SCRIPT, "usr/bin/ping": executable(capability=RAW)}
    assert found(ping, {"usr/bin/ping": hard_link("usr/bin/other")}, entrypoint=["/entrypoint.sh"]) is False


def test_a_directory_takes_the_place_of_a_link() -> None:
    """As when a runtime unpacks it: what the link led to is not there any more."""
    usr: Files = {"bin": link("usr/bin"), "usr/bin/caddy": CADDY}
    assert found(usr, {"bin": directory(), "bin/caddy": PLAIN}, entrypoint=["/bin/caddy"]) is False


def test_passwd_is_found_on_the_way() -> None:
    """The newest one, whole; nothing where it is too large, or no file."""
    files = ImageFiles(())
    apply(files, {"etc/passwd": b"old"}, {"etc/passwd": PASSWD})
    assert files.passwd == PASSWD
    apply(files, {"etc/passwd": bytes(2**20 + 1)})
    assert files.passwd == bytes(4)
    apply(files, {"etc/passwd": link("../usr/lib/passwd")})
    assert files.passwd == b""


def test_only_what_counts_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand files take no memory; links do, and are bounded."""
    monkeypatch.setattr(tree, "_MOST_BYTES", 5000)
    many: Files = {f"usr/share/{number}": ELF for number in range(1000)}
    assert found({**many, "usr/bin/caddy": CADDY}) == BOUND
    with pytest.raises(RegistryError, match="too many links or files"):
        found({f"usr/share/{number}": link("x" * 50) for number in range(100)})


@pytest.mark.parametrize(
    "files",
    [
        {"a": link("a"), "a/b/caddy": CADDY},
        {"a": CADDY, "a/b": CADDY},
        {"a": CADDY, "a/b/c": CADDY},
        {"a/" * 2500: CADDY},
        {"a": executable(capability=b"x")},
    ],
    ids=["a loop", "below a file", "further below a file", "a long path", "no capabilities"],
)
def test_what_no_runtime_unpacks(files: Files) -> None:
    """It is an error."""
    with pytest.raises(RegistryError):
        found(files)


def test_looking_up_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries lie behind however many links."""
    monkeypatch.setattr(tree, "_MOST_STEPS", 1000)
    with pytest.raises(RegistryError, match="too many links or files"):
        found({f"{number}": b"" for number in range(2000)})
