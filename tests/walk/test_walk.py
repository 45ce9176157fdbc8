#!/usr/bin/env python3
"""Starts each system's fake and walks it (walk.c). `test_walk.py [SYSTEM [walk's options]]`; WALK: options for all of them, such as
--all (each fault at reads, too) and --seeds 20 (so many runs of an operation with faults by seed)."""
import json
import os
import subprocess
import sys
import tempfile

from scenes import SYSTEMS

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = {"chargebee": "/api/v2"}


def walk(system, program, path, options):
    fake = subprocess.Popen([sys.executable, os.path.join(HERE, "../fake", system + ".py")], stdout=subprocess.PIPE, text=True)
    try:
        base = fake.stdout.readline().split()[1] + PREFIX.get(system, "")
        return subprocess.run([program, base, path, system, *options], timeout=3600).returncode
    finally:
        fake.terminate()
        fake.wait(5)


def main():
    program = os.path.join(os.path.dirname(os.environ.get("DUNWELL", os.path.join(HERE, "../../build/dunwell"))), "walk/walk")
    systems, options = sys.argv[1:2] or list(SYSTEMS), sys.argv[2:] + os.environ.get("WALK", "").split()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as scenes:
        json.dump(SYSTEMS, scenes)
        scenes.flush()
        bad = [s for s in systems if walk(s, program, scenes.name, options)]
    print("each write of each system: once, or not at all" if not bad else f"wrong: {', '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
