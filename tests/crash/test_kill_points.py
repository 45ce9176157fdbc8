"""The walk of the kill points: the story dies once at each point, is started again, and all invariants hold.

Which points there are, and how often each is passed, is measured by a story that nothing kills. In a check some of them are
visited, drawn by a seed that is printed; all of them with

    build/venv/bin/python tests/crash/test_kill_points.py --all            or --seed N --most N, or one: --point out.send:7"""
import argparse
import collections
import concurrent.futures
import os
import random
import sys
import traceback

import story
from harness import World, stop_all


def play(name, env):
    """-> (deaths, the points passed, trouble)"""
    world = World("crash." + name)
    tale = None
    try:
        tale = story.Story(story.begin_in(world))
        log = os.path.join(world.folder, "points")
        world.dw.env = {**env, "DUNWELL_KILL_LOG": log}
        world.dw.spawn()
        tale.play()
        tale.check()
        tale.stop()
        with open(log) as f:
            passed = collections.Counter(f.read().split())
        world.close()
        return tale.deaths, passed, None
    except Exception:
        trouble = traceback.format_exc()
        world.verify = False
        try:
            world.close()
        except AssertionError as e:
            trouble += f"and then: {e}\n"
        return tale.deaths if tale else 0, {}, trouble


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--all", action="store_true")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    p.add_argument("--most", type=int, default=int(os.environ.get("CRASH_ROUNDS", 24)))
    p.add_argument("--point")
    p.add_argument("--jobs", type=int, default=4)
    o = p.parse_args()
    print(f"seed {o.seed}", flush=True)
    deaths, passed, trouble = play("quiet", {})
    if trouble or deaths:
        sys.exit(f"the story does not even end when nothing kills it ({deaths} deaths):\n{trouble}")
    print("points: " + ", ".join(f"{k} x{v}" for k, v in sorted(passed.items())), flush=True)
    assert {"store.commit.before", "store.commit.after", "out.send", "out.answer", "io.answer"} <= set(passed), passed
    points = [f"{name}:{n}" for name, times in sorted(passed.items()) for n in range(1, times + 1)]
    if o.point:
        points = [o.point]
    elif not o.all:
        points = random.Random(o.seed).sample(points, min(o.most, len(points)))
    failed, killed = [], 0
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        runs = {pool.submit(play, point.replace(":", "-"), {"DUNWELL_KILL": point}): point for point in points}
        for done in concurrent.futures.as_completed(runs):
            point, (deaths, _, trouble) = runs[done], done.result()
            killed += deaths > 0
            if trouble:
                failed.append(point)
            print(f"{'FAIL ' if trouble else 'ok   '} {point}, {deaths} death(s)" + (f"\n{trouble}" if trouble else ""), flush=True)
    stop_all()
    print(f"{len(points) - len(failed)} of {len(points)} points passed, {killed} of them died there; seed {o.seed}")
    assert killed >= len(points) * 2 // 3, "the points are not reached any more"  # the last of them may come or not
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
