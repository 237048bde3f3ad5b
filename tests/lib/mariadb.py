"""A real MariaDB of its own: a folder, a port and a socket nobody else has.

    with MariaDB() as server:
        server.sql("create database shop")
        server.user("reader", "pa55", "grant select on shop.* to {user}")
        ... server.host, server.port, server.socket

The server's own administrator is root without a password, by the socket.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from stack import free_port, wait_for


def plain_user():
    """Words that start a program as a user who is not root, and that user."""
    if os.geteuid() != 0:
        return [], pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "mysql" if "mysql" in names else "nobody"
    user = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"], name


class MariaDB:
    """A server that runs between `with` and its end; options as for mariadbd."""

    def __init__(self, *options):
        self.dir = Path(tempfile.mkdtemp(prefix="maria-", dir="/tmp"))
        self.host, self.port = "127.0.0.1", free_port()
        self.socket = self.dir / "socket"
        self.options = options
        self.server = None

    def __enter__(self):
        try:
            self.become, name = plain_user()
            if self.become:
                shutil.chown(self.dir, name)
            self.install()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def install(self):
        done = subprocess.run(
            [*self.become, "mariadb-install-db", "--no-defaults", f"--datadir={self.dir}/data",
             "--auth-root-authentication-method=normal", "--skip-test-db",
             "--innodb-log-file-size=8M"],
            env={**os.environ, "HOME": str(self.dir)}, cwd=self.dir,
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        with open(self.dir / "log", "ab") as log:
            self.server = subprocess.Popen(
                [*self.become, program, "--no-defaults", f"--datadir={self.dir}/data",
                 f"--socket={self.socket}", f"--port={self.port}", f"--bind-address={self.host}",
                 "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
                 "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M", *self.options],
                stdout=log, stderr=log, cwd=self.dir)
        wait_for(self.answers, what=f"{self.dir}/log")

    def answers(self):
        assert self.server.poll() is None, (self.dir / "log").read_text()
        return self.client("-e", "select 1", check=False).returncode == 0

    def stop(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------ use

    def client(self, *words, database=None, check=True, text=None):
        done = subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", "-S", self.socket, "-NB",
             *([database] if database else []), *words],
            input=text, capture_output=True, text=True, check=False)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def sql(self, statements, database=None):
        """What the statements print, a list a row; `delimiter` works as in the client."""
        out = self.client(database=database, text=statements).stdout
        return [line.split("\t") for line in out.splitlines()]

    def user(self, name, password, *grants):
        """A user who may connect from anywhere; `{user}` in a grant is the user."""
        user = f"'{name}'@'%'"
        self.sql(f"create user {user} identified by '{password}';"
                 + "".join(grant.format(user=user) + ";" for grant in grants))
