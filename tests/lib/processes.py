"""What runs on this machine, by a word of its command line."""

import os
from pathlib import Path


def with_word(word):
    """The pids of processes whose command line holds this."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            pass                    # it ended meanwhile
    return found


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
