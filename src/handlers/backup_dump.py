"""Dumps of whole databases by the tools of their makers, and proofs that they are whole."""
import contextlib
import glob
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import time
import zlib

import millrace_kit as kit

CHUNK = 1 << 20


class Lines:
    """What a tool says: counted for the progress, its last words kept for the error."""

    def __init__(self, pattern, total, what):
        self.pattern, self.total, self.what = re.compile(pattern), max(total, 1), what
        self.count, self.last = 0, []

    def take(self, stream):
        for line in stream:
            text = line.decode(errors="replace").rstrip()
            if self.pattern.search(text):
                self.count = min(self.count + 1, self.total)
                kit.progress(85 * self.count / self.total,
                             f"{self.what} {self.count} of {self.total}")
            elif text:
                self.last = [*self.last[-4:], text]

    def words(self):
        return "\n".join(self.last)


def tool(name):
    path = shutil.which(name)
    if not path:
        raise kit.Fault("tool_missing", f"{name} is not installed on the worker's host",
                        status=kit.USAGE)
    return path


def failed(name, words, final):
    """The dump did not come about; the tool knows why."""
    return kit.Fault("dump_failed", f"{name}: {words or 'failed without a word'}",
                     status=kit.DATA if final else kit.RETRY)


def size_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(entry.stat().st_size for entry in os.scandir(path))


class Postgresql:
    """pg_dump and pg_restore."""

    FINAL = re.compile(r"password authentication failed|does not exist|permission denied|"
                       r"no pg_hba.conf entry|server version mismatch|no matching|no password supplied|certificate")
    suffixes = {"custom": "dump", "directory": "dir", "plain": "sql.gz"}

    def __init__(self, target, payload):
        self.target, self.payload = target, payload
        self.format = payload.get("format", "custom")

    def suffix(self):
        return self.suffixes[self.format]

    def environment(self):
        password = self.target.password()
        return {**os.environ, **({"PGPASSWORD": password} if password else {})}

    def connect(self, database=None):
        import psycopg2
        try:
            return psycopg2.connect(self.target.dsn(database), password=self.target.password(), connect_timeout=15)
        except psycopg2.OperationalError as why:
            text = str(why).strip()
            raise kit.Fault("connection_failed", text,
                            status=kit.DATA if self.FINAL.search(text) else kit.RETRY) from why

    def tables(self, database=None):
        with contextlib.closing(self.connect(database)) as db, db.cursor() as rows:
            rows.execute("select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                         " where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")
            return rows.fetchone()[0]

    def command(self, path):
        level = str(self.payload.get("compression", 6))
        words = [tool("pg_dump"), "--verbose", "--no-password", f"--format={self.format}",
                 f"--compress={level}", f"--file={path}"]
        for member, option in (("schemas", "schema"), ("tables", "table"),
                               ("excludeTables", "exclude-table"),
                               ("excludeData", "exclude-table-data")):
            words += [f"--{option}={name}" for name in self.payload.get(member, [])]
        if self.format == "directory":
            words.append(f"--jobs={self.payload.get('parallel', 2)}")
        return [*words, "--", self.target.dsn()]

    def dump(self, path):
        self.before = self.tables()
        lines = Lines(r"dumping contents of table", self.before, "table")
        with subprocess.Popen(self.command(path), env=self.environment(), stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as child:
            with ended(child):
                lines.take(child.stderr)
        if child.returncode:
            words = lines.words()
            raise failed("pg_dump", words, self.FINAL.search(words))

    def verify(self, path):
        """Read its table of contents; of a plain one, to its last line."""
        if self.format == "plain":
            return {"complete": check_plain(path, b"PostgreSQL database dump complete")}
        done = subprocess.run([tool("pg_restore"), "--list", path], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise kit.Fault("backup_broken", f"pg_restore --list: {done.stderr.strip()}",
                            status=kit.RETRY)
        data = sum(" TABLE DATA " in line for line in done.stdout.splitlines())
        return {"tables": data}

    def restore(self, path, scratch):
        """Into a database that is made for it and dropped again."""
        self.admin(f'drop database if exists "{scratch}"', f'create database "{scratch}" template template0')
        try:
            self.fill(path, scratch)
            return {"restored": True, "tables": self.tables(scratch)}
        finally:
            self.admin(f'drop database if exists "{scratch}"')

    def admin(self, *statements):
        with contextlib.closing(self.connect()) as db, db.cursor() as rows:
            db.set_session(autocommit=True)
            for statement in statements:
                rows.execute(statement)

    def fill(self, path, scratch):
        if self.format == "plain":
            command = [tool("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.target.dsn(scratch)]
            code, words = feed(command, path, self.environment())
        else:
            done = subprocess.run(
                [tool("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--no-password",
                 "-d", self.target.dsn(scratch), path],
                env=self.environment(), capture_output=True, text=True, check=False)
            code, words = done.returncode, done.stderr
        if code:
            raise kit.Fault("restore_failed", f"the backup could not be restored: {words.strip()[-1000:]}",
                            status=kit.RETRY)


# Ways to prove who one is that do not hand a server the password itself.
PROOFS = ("caching_sha2_password", "sha256_password", "client_ed25519", "auth_parsec")


def proofs(folder):
    """MariaDB's clients answer whatever a server asks for; of a folder with these alone they can no more."""
    found = [path for name in PROOFS for path in glob.glob(f"/usr/lib/*/libmariadb3/plugin/{name}.so")]
    for path in found:
        os.symlink(path, os.path.join(folder, os.path.basename(path)))
    return f'plugin-dir="{folder}"\n' if found else ""


class Mysql:
    """mysqldump, as MariaDB and MySQL have it."""

    FINAL = re.compile(r"\b(1044|1045|1049|1142|1146)\b|Access denied|Unknown database")

    def __init__(self, target, payload):
        self.target, self.payload = target, payload
        if payload.get("format", "plain") != "plain":
            raise kit.Fault("invalid_payload", 'payload: "format" of a MySQL or MariaDB database must be "plain"',
                            status=kit.USAGE)

    def suffix(self):
        return "sql.gz"

    def environment(self):
        """A password of many lines is no option in a file, and there is none on a command line that all can read."""
        password = self.target.saved.get("password")
        return {**os.environ, **({"MYSQL_PWD": password} if password else {})}

    @contextlib.contextmanager
    def options(self):
        """No file of settings counts but ours."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "client.cnf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.target.mysql_options() + proofs(folder))
            yield f"--defaults-file={path}"

    def query(self, statement, database=""):
        with self.options() as options:
            done = subprocess.run([tool("mysql"), options, "--batch", "--skip-column-names", "-e", statement,
                                   *([database] if database else [])],
                                  env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise kit.Fault("connection_failed", done.stderr.strip(),
                            status=kit.DATA if self.FINAL.search(done.stderr) else kit.RETRY)
        return done.stdout.strip()

    def tables(self, database=None):
        name = (database or self.target.database).replace("'", "''")
        return int(self.query("select count(*) from information_schema.tables where"
                              f" table_type = 'BASE TABLE' and table_schema = '{name}'"))

    def command(self, options):
        words = [tool("mysqldump"), options, "--verbose", "--single-transaction", "--quick", "--routines",
                 "--triggers", "--events", "--hex-blob"]
        words += [f"--ignore-table={self.target.database}.{name}" for name in self.payload.get("excludeTables", [])]
        return [*words, "--", self.target.database, *self.payload.get("tables", [])]

    def check_tls(self):
        """MariaDB's tools go on without it where the server offers none."""
        if self.target.saved.get("sslMode") == "require" and \
                not self.query("show session status like 'Ssl_cipher'").removeprefix("Ssl_cipher").strip():
            raise kit.Fault("tls_failed", 'the database offers no TLS, and sslMode is "require"')

    def dump(self, path):
        self.check_tls()
        self.before = self.tables()
        lines = Lines(r"^-- Retrieving table structure", self.before, "table")
        with self.options() as options, tempfile.TemporaryFile() as words:
            with subprocess.Popen(self.command(options), env=self.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=words) as child, ended(child), \
                    gzip.open(path, "wb", self.payload.get("compression", 6)) as file:
                for piece in iter(lambda: child.stdout.read(CHUNK), b""):
                    file.write(piece)
                    self.tell(piece)
            words.seek(0)
            lines.take(words)
        if child.returncode:
            raise failed("mysqldump", lines.words(), self.FINAL.search(lines.words()))

    done = 0

    def tell(self, piece):
        self.done += piece.count(b"\nCREATE TABLE ")
        kit.progress(min(85, 85 * self.done / max(self.before, 1)), f"table {self.done} of {self.before}")

    def verify(self, path):
        return {"complete": check_plain(path, b"Dump completed")}

    def restore(self, path, scratch):
        self.query(f"drop database if exists `{scratch}`; create database `{scratch}`")
        try:
            with self.options() as options:
                # Lines of the dump are statements, never commands of the client such as "\\!".
                code, words = feed([tool("mysql"), options, "--binary-mode", scratch], path, self.environment())
            if code:
                raise kit.Fault("restore_failed", f"the backup could not be restored: {words.strip()[-1000:]}",
                                status=kit.RETRY)
            return {"restored": True, "tables": self.tables(scratch)}
        finally:
            self.query(f"drop database if exists `{scratch}`")


@contextlib.contextmanager
def ended(child):
    """Whatever happens to us, the tool does not go on alone."""
    try:
        yield
    except BaseException:
        child.kill()
        raise


def check_plain(path, last):
    """Unpack it all: whole, and with its last line there."""
    end = b""
    try:
        with gzip.open(path) as file:
            for piece in iter(lambda: file.read(CHUNK), b""):
                end = (end + piece)[-500:]
    except (OSError, EOFError, zlib.error) as why:
        raise kit.Fault("backup_broken", f"the backup cannot be read: {why}", status=kit.RETRY) from why
    if last not in end:
        raise kit.Fault("backup_broken", "the backup lacks its end", status=kit.RETRY)
    return True


def feed(command, path, environment):
    """Unpack a file into a program; its exit code and what it said."""
    with tempfile.TemporaryFile() as words:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words,
                              env=environment) as child, ended(child):
            with contextlib.suppress(BrokenPipeError), gzip.open(path) as file:
                shutil.copyfileobj(file, child.stdin, CHUNK)
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        words.seek(0)
        return child.returncode, words.read().decode(errors="replace")


KINDS = {"postgresql": Postgresql, "mysql": Mysql}


def timed(function, *arguments):
    began = time.monotonic()
    value = function(*arguments)
    return value, round(time.monotonic() - began, 2)
