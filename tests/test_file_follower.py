"""One follower for all files that are replaced while the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from webhook.errors import InputError
from webhook.file_follower import FileFollower


class Files:
    """A file, its follower, and what has been put into use. Content that begins with `bad` cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("first", encoding="utf-8")
        self.tries: list[str] = []
        self.follower = FileFollower("notes", self._read, self._read())

    def check(self, content: str | None) -> str:
        """Replace the content, or delete the file, and look; returns the problem."""
        if content is None:
            self.path.unlink()
        else:
            self.path.write_text(content, encoding="utf-8")
        self.follower.check(self._use)
        return self.follower.problem

    def _read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(str(error.strerror)) from None

    def _use(self, content: str) -> None:
        self.tries.append(content)
        if content.startswith("bad"):
            raise InputError(f"{content} is bad")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A file whose content is in use."""
    return Files(tmp_path / "notes")


def test_new_content_is_used_once(files: Files) -> None:
    """What is in use already is not used again."""
    assert [files.check(content) for content in ("first", "second", "second", "third")] == [""] * 4
    assert files.tries == ["second", "third"]


def test_bad_content_is_logged_once(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """Each problem is one line, until it changes or is solved; a return to the content in use solves it."""
    assert files.check("bad") == "bad is bad"
    assert files.check("bad") == "bad is bad"
    assert files.check("bad too") == "bad too is bad"
    assert files.check(None) == "No such file or directory"
    assert files.check("first") == ""
    assert files.check("bad") == "bad is bad"
    assert [text.rpartition(": ")[2] for text in caplog.messages] == [
        "bad is bad",
        "bad too is bad",
        "No such file or directory",
        "bad is bad",
    ]
    assert all(text.startswith("cannot use the changed notes, keeping the one before: ") for text in caplog.messages)


def test_bad_content_is_tried_again_after_a_while(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each look, because that may be much work, but the reason may lie elsewhere."""
    now = 1000.0
    monkeypatch.setattr("webhook.file_follower.time.monotonic", lambda: now)
    files.check("bad")
    files.check("bad")
    assert files.tries == ["bad"]
    now += 5
    files.check("bad")
    assert files.tries == ["bad", "bad"]
