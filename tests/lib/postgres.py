"""A real PostgreSQL beside the stack's: a port of its own, passwords asked for.

    with Postgres() as server:
        server.sql("create role reader login password 'pa55'")
        ... server.host, server.port, server.database, server.log()

Its administrator is admin, with the password server.password.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg2

from extra_server import AS_USER
from stack import free_port, wait_for

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]


class Postgres:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.host, self.port, self.database = "127.0.0.1", free_port(), "shop"
        self.user, self.password = "admin", "adm1n's secret"
        self.server = None

    def __enter__(self):
        try:
            self._install()
            self._start()
            self.sql("create database shop", database="postgres")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _install(self):
        word = self.dir / "password"
        word.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self.dir, "postgres")
            shutil.chown(word, "postgres")
        subprocess.run([*AS_USER, BIN / "initdb", "-D", self.dir / "data", "-U", self.user, "-A", "scram-sha-256",
                        f"--pwfile={word}", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
                       check=True, capture_output=True)

    def _start(self):
        with open(self.dir / "log", "ab") as log:
            self.server = subprocess.Popen(
                [*AS_USER, BIN / "postgres", "-D", self.dir / "data", "-p", str(self.port), "-k", self.dir,
                 "-c", f"listen_addresses={self.host}", "-c", "fsync=off", "-c", "log_connections=on"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(self._answers, 30, self.log())

    def _answers(self):
        assert self.server.poll() is None, self.log()
        with contextlib.suppress(psycopg2.OperationalError):
            self.connect("postgres").close()
            return True

    def close(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)

    # ------------------------------------------------------------ use

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def connect(self, database=None):
        connection = psycopg2.connect(host=self.host, port=self.port, user=self.user, password=self.password,
                                      dbname=database or self.database)
        connection.autocommit = True
        return connection

    def sql(self, statement, database=None):
        with contextlib.closing(self.connect(database)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None

    def connection(self, **other):
        """What describes it to Millrace."""
        return {"kind": "postgresql", "host": self.host, "port": self.port, "database": self.database,
                "user": self.user, "password": self.password, **other}
