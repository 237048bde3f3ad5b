"""A real sshd of its own: on a free port, with keys of its own, for one user.

    with SSHServer() as ssh:
        ... ssh.host, ssh.port, ssh.user, ssh.private_key, ssh.host_key, ssh.fingerprint

It lets in who shows the private key, and forwards ports, to nobody a shell.
"""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from mariadb import plain_user
from stack import free_port, wait_for

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {dir}/host
PidFile none
AuthorizedKeysFile {dir}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding {forwarding}
PermitTTY no
X11Forwarding no
LogLevel VERBOSE
"""


class SSHServer:
    def __init__(self, forwarding="yes"):
        self.dir = Path(tempfile.mkdtemp(prefix="sshd-", dir="/tmp"))
        self.host, self.port = "127.0.0.1", free_port()
        self.forwarding = forwarding
        self.server = None

    def __enter__(self):
        try:
            become, self.user = plain_user()
            self.make_files()
            if become:
                for path in (self.dir, *self.dir.iterdir()):
                    shutil.chown(path, self.user)
            self.start(become)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def make_key(self, name):
        """The private key, the public one's line and its fingerprint."""
        path = self.dir / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path],
                       check=True)
        public = path.with_suffix(".pub").read_text().strip()
        shown = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True,
                               capture_output=True, text=True).stdout
        return path.read_text(), public, shown.split()[1]

    def make_files(self):
        _, self.host_key, self.fingerprint = self.make_key("host")
        self.private_key, public, _ = self.make_key("user")
        self.other_key, self.other_host_key, self.other_fingerprint = self.make_key("other")
        (self.dir / "authorized").write_text(public + "\n")
        (self.dir / "config").write_text(CONFIG.format(
            port=self.port, dir=self.dir, forwarding=self.forwarding))
        self.known_hosts = f"[{self.host}]:{self.port} {self.host_key}"

    def start(self, become):
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        with open(self.dir / "log", "ab") as log:
            self.server = subprocess.Popen([*become, program, "-D", "-e", "-f", self.dir / "config"],
                                           stdout=log, stderr=log, cwd=self.dir)
        wait_for(self.answers, what=f"{self.dir}/log")

    def answers(self):
        assert self.server.poll() is None, self.log()
        with socket.socket() as s:
            return s.connect_ex((self.host, self.port)) == 0

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def close(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)
