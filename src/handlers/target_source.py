"""The database that a job works on: its saved connection, or what the type file's run.env names."""
import os

import millrace_kit as kit


# Whom a connection trusts that brings no certificate.
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"


def described(*kinds):
    """The connection as the worker hands it over, {"kind", "host", …}; that of
    TARGET_DATABASE_URL is {"kind": "postgresql", "url"}. Its kind is one of these."""
    url = os.environ.get("TARGET_DATABASE_URL")
    found = kit.connection() or (url and {"kind": "postgresql", "url": url})
    if not found:
        raise kit.Fault("no_connection", 'the job names no database: neither its payload a "connection" nor the type\'s'
                        " run.env MILLRACE_CONNECTION or TARGET_DATABASE_URL", status=kit.USAGE)
    kind = {"mariadb": "mysql"}.get(found.get("kind"), found.get("kind"))
    if kind not in kinds:
        raise kit.Fault("unsupported_connection", f"the connection is of the kind {kind}; this job works on"
                        f" {' and '.join(kinds)}", status=kit.USAGE)
    return {**found, "kind": kind}


def options(found):
    """What only some connections have: {"caFile", "socket"}."""
    return found.get("options") or {}


def ca_file(found):
    """Which certificates to trust; None: the server need not prove who it is."""
    given = options(found).get("caFile")
    return given or (SYSTEM_CA if str(found.get("sslMode")).startswith("verify-") else None)


def quoted(value):
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def conninfo(found):
    """For libpq, whose drivers all take it."""
    if "url" in found:
        return found["url"]
    parts = {"host": found.get("host"), "port": found.get("port"), "dbname": found.get("database"),
             "user": found.get("user"), "password": found.get("password"), "sslmode": found.get("sslMode"),
             "sslrootcert": ca_file(found)}
    return " ".join(f"{name}={quoted(value)}" for name, value in parts.items() if value)


def postgresql():
    """The conninfo of a job that works on PostgreSQL only."""
    return conninfo(described("postgresql"))
