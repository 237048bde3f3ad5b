"""Mail servers under test: a real Postfix, and one that answers as it is told."""

import contextlib
import email
import email.policy
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from stack import free_port, wait_for


def certificate(folder):
    """A key and a certificate of localhost's own, for the tests' authority."""
    key, cert = Path(folder) / "key.pem", Path(folder) / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    cert.chmod(0o644)
    return key, cert


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


class Scripted:
    """Takes mail as Postfix would, but says to some recipients what it is told."""

    def __init__(self, tls=None, login=None):
        self.mails = []         # (sender, recipients, message)
        self.answers = {}       # recipient → what is said, one after the other; then all is well
        self.data_answers = []  # what is said of the next messages
        self.tls, self.login = tls, login
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls[1], tls[0])
        self.options = {"hostname": "127.0.0.1", "port": free_port(), "tls_context": context,
                        "require_starttls": bool(tls), "auth_required": bool(login),
                        "authenticator": self.authenticate if login else None,
                        "auth_require_tls": bool(tls), "enable_SMTPUTF8": True}
        self.port = self.options["port"]

    def __enter__(self):
        server = self

        class Own(Controller):
            def factory(self):
                return SMTP(server, **{name: value for name, value in server.options.items()
                                       if name not in ("hostname", "port")})

        self.controller = Own(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        return self

    def __exit__(self, *_):
        self.controller.stop()

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        good = isinstance(data, LoginPassword) and \
            (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        answers = self.answers.get(address)
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, _server, _session, envelope):
        if self.data_answers:
            return self.data_answers.pop(0)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, parsed(envelope.content)))
        return "250 2.0.0 taken"


MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
mail_owner = postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost.localdomain
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.org
virtual_mailbox_base = {dir}/boxes
virtual_mailbox_maps = inline:{{ ann@example.org=ann/, zoe@example.org=zoe/ }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions = reject_unauth_destination, reject_unlisted_recipient
smtpd_tls_security_level = may
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
message_size_limit = 3000000
maillog_file = {dir}/mail.log
maillog_file_prefixes = {dir}
"""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
verify unix - - n - 1 verify
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """An instance of its own: its folder, its port; mail for example.org lies in maildirs."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="mr-postfix-", dir="/var/tmp"))
        self.port = free_port()
        self.ca = self.dir / "cert.pem"

    def _command(self, *words):
        return subprocess.run(["postfix", "-c", self.dir, *words], capture_output=True, text=True,
                              check=False)

    def __enter__(self):
        self.dir.chmod(0o755)
        certificate(self.dir)
        for name, owner in (("queue", "root"), ("data", "postfix"), ("boxes", "postfix")):
            (self.dir / name).mkdir()
            shutil.chown(self.dir / name, owner)
        uid, gid = (self.dir / "boxes").stat().st_uid, (self.dir / "boxes").stat().st_gid
        (self.dir / "main.cf").write_text(MAIN_CF.format(dir=self.dir, uid=uid, gid=gid or 1))
        (self.dir / "master.cf").write_text(MASTER_CF.format(port=self.port))
        begun = self._command("start")
        if begun.returncode:
            raise AssertionError(f"postfix: {begun.stdout}{begun.stderr}{self.log()}")
        wait_for(self._answers, what="an answer of Postfix")
        return self

    def __exit__(self, *_):
        self._command("stop")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as s:
            return s.recv(3) == b"220"

    def log(self):
        path = self.dir / "mail.log"
        return path.read_text() if path.exists() else ""

    def mails(self, name):
        box = self.dir / "boxes" / name / "new"
        return [parsed(path.read_bytes()) for path in box.iterdir()] if box.exists() else []
