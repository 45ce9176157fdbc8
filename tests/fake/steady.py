"""The clock of the fakes: the machine's, until a test sets it (/_test/clock {now}); then it stands still until it is set again."""
import time as machine

_at = None


def time():
    return machine.time() if _at is None else _at


def put(seconds):
    global _at
    _at = seconds
