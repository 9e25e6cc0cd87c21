"""Mutation tests: change `patches/` a little, many times, and see whether a test notices.

mutmut makes the mutants and runs the tests that reach each (`[tool.mutmut]` in pyproject.toml); this script draws a
seeded sample of them, prints what came out and every survivor as a diff, and fails below the score that is required.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

WORK: Final = Path("mutants")
QUICK: Final = "patches.standards.violations.*"
"""The mutants of one small module: running them makes all mutants, and learns which tests reach which function."""

NOTICED: Final = ("killed", "timeout", "segfault", "caught by type check")


def mutmut(*arguments: str) -> str:
    """Run mutmut and return what it says."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (fixed, but for names)
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def results() -> dict[str, str]:
    """What became of each mutant, in mutmut's words."""
    lines = mutmut("results", "--all", "true").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def main() -> int:
    """Draw, run, print; 1 where too many survive."""
    parser = argparse.ArgumentParser(description="Mutation tests of a seeded sample of patches/.")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants (300)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--required", type=float, default=85, help="the percentage that tests must notice (85)")
    options = parser.parse_args()

    start = time.monotonic()
    workers = ("--max-children", str(options.workers))
    shutil.rmtree(WORK, ignore_errors=True)
    mutmut("run", *workers, QUICK)
    names = sorted(results())
    sample = sorted(random.Random(options.seed).sample(names, min(options.sample, len(names))))  # noqa: S311 (a draw)
    print(f"{len(sample)} of {len(names)} mutants, seed {options.seed}", flush=True)
    mutmut("run", *workers, *sample)

    found = results()
    outcomes = Counter(found[name] for name in sample)
    for name in sample:
        if found[name] not in NOTICED:
            print(f"\n{mutmut('show', name)}")
    score = 100 * sum(outcomes[outcome] for outcome in NOTICED) / len(sample)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    print(f"\n{counts}; {score:.1f} % noticed, in {time.monotonic() - start:.0f} s")
    return int(score < options.required)


if __name__ == "__main__":
    sys.exit(main())
