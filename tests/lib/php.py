"""A php-fpm of one's own on a unix socket, with scripts of the test."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from stack import wait_for

POOL = """[global]
error_log = {dir}/fpm.log
daemonize = no
[www]
{user}
listen = {dir}/fpm.sock
listen.mode = 0666
pm = static
pm.max_children = {children}
catch_workers_output = no
{more}
php_admin_value[opcache.enable] = 1
"""


def php_fpm():
    found = shutil.which("php-fpm") or next(
        iter(sorted(map(str, Path("/usr/sbin").glob("php-fpm*")))), None)
    assert found, "no php-fpm (Debian package php-fpm)"
    return found


class Fpm:
    def __init__(self, children=4, **more):
        self.dir = Path(tempfile.mkdtemp(prefix="fpm-", dir="/tmp"))
        self.dir.chmod(0o755)
        self.socket = f"{self.dir}/fpm.sock"
        self.process = None
        root = os.geteuid() == 0
        if root:
            shutil.chown(self.dir, "postgres")
        (self.dir / "fpm.conf").write_text(POOL.format(
            dir=self.dir, children=children, user="user = postgres" if root else "",
            more="\n".join(f"{name} = {value}" for name, value in more.items())))

    def script(self, name, text):
        path = self.dir / name
        path.write_text(text)
        path.chmod(0o644)
        return str(path)

    def start(self):
        self.process = subprocess.Popen(
            [php_fpm(), "-F", "-n", "-y", self.dir / "fpm.conf"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        wait_for(self.listens, what="php-fpm")

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            with contextlib.suppress(OSError):
                s.connect(self.socket)
                return True
        return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
            self.process = None

    def log(self):
        return (self.dir / "fpm.log").read_text()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
