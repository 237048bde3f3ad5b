"""A library to preload: the names of slow.invalid are looked up for seconds, in vain."""

import os
import shutil
import subprocess

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

    if (!name || !strstr(name, "slow.invalid"))
        return real(name, service, hints, ret);
    sleep(SECONDS);
    return EAI_AGAIN;
}
"""


def slow_names(folder, seconds):
    """Its path."""
    path = folder / "slow_names.so"
    compiler = os.environ.get("CC") or shutil.which("cc") or "gcc"
    subprocess.run([*compiler.split(), "-shared", "-fPIC", f"-DSECONDS={seconds}", "-x", "c", "-", "-o", path],
                   input=SOURCE, text=True, check=True)
    path.chmod(0o755)
    return str(path)
