"""What a server installs: units, sysusers, tmpfiles, the nginx configuration."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import BUILD, TOP  # noqa: E402


def run(*words, check=True, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True,
                          check=False, **more)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A system as `make install` leaves it."""
    path = tmp_path_factory.mktemp("root")
    run("make", "-s", "-C", BUILD, "install", f"DESTDIR={path}", "prefix=/usr",
        "sysconfdir=/etc", "libexecdir=/usr/libexec",
        "systemdsystemunitdir=/usr/lib/systemd/system")
    return path


UNITS = ["millrace-api.service", "millrace-api@.service", "millrace-stream.service",
         "millrace-worker.service", "millrace-api.socket", "millrace.target"]


def test_everything_is_installed_where_it_belongs(root):
    for name in ("usr/bin/millrace", "usr/sbin/millrace-api", "usr/sbin/millrace-stream",
                 "usr/sbin/millrace-worker", "usr/libexec/millrace/millrace-guard",
                 "usr/libexec/millrace/analyze-file", "usr/libexec/millrace/noop",
                 "etc/millrace/types.d/noop.json", "etc/millrace/types.d/analyze-file.json",
                 "etc/millrace/nginx/millrace-server.conf",
                 "usr/lib/sysusers.d/millrace.conf", "usr/lib/tmpfiles.d/millrace.conf",
                 "usr/share/man/man1/millrace.1", "usr/share/man/man8/millrace-api.8"):
        assert (root / name).exists(), name
    for unit in UNITS:
        assert (root / "usr/lib/systemd/system" / unit).exists(), unit


def test_units_verify(root, tmp_path):
    """systemd-analyze verify, with programs that are there."""
    for unit in UNITS:
        text = (root / "usr/lib/systemd/system" / unit).read_text()
        for program in re.findall(r"^ExecStart=(\S+)", text, re.M):
            assert (root / program.lstrip("/")).exists() or (
                Path(program).name in {"millrace-api", "millrace-stream", "millrace-worker"})
        (tmp_path / unit).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M))
    shutil.copy(tmp_path / "millrace-api@.service", tmp_path / "millrace-api@2.service")
    names = [tmp_path / u for u in UNITS if "@" not in u] + [tmp_path / "millrace-api@2.service"]
    done = run("systemd-analyze", "verify", "--man=no", *names)
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line], done.stderr


@pytest.mark.parametrize("unit", ["millrace-api.service", "millrace-api@.service",
                                  "millrace-stream.service"])
def test_exposure_is_at_most_two(root, unit):
    path = root / "usr/lib/systemd/system" / unit
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", path)


def test_sysusers_and_tmpfiles_are_understood(root):
    users = run("systemd-sysusers", f"--root={root}", "millrace.conf")
    assert "millrace" in (root / "etc/passwd").read_text(), users.stderr
    run("systemd-tmpfiles", "--create", f"--root={root}", "millrace.conf", check=False)
    assert (root / "var/lib/millrace/files").is_dir()


def test_nginx_takes_the_configuration_in_a_server_block(root, tmp_path):
    """As a user includes it: one file in http, one in their server."""
    source = root / "etc/millrace/nginx"
    target = tmp_path / "nginx"
    shutil.copytree(source, target)
    for part in target.iterdir():
        part.write_text(part.read_text().replace("/etc/millrace/nginx", str(target)))
    (target / "nginx.conf").write_text(f"""
        pid {tmp_path}/nginx.pid;
        error_log {tmp_path}/error.log;
        events {{}}
        http {{
            access_log off;
            include {target}/millrace-http.conf;
            server {{
                listen unix:{tmp_path}/web.sock;
                root /var/www/html;
                location / {{ try_files $uri =404; }}
                include {target}/millrace-server.conf;
            }}
        }}""")
    done = run("/usr/sbin/nginx", "-t", "-e", tmp_path / "error.log", "-c", target / "nginx.conf",
               env={**os.environ})
    assert "test is successful" in done.stderr
    assert "warn" not in done.stderr
