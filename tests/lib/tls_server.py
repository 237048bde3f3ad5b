"""nginx with TLS and HTTP/2 before a web server of the tests."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from extra_server import answers
from stack import free_port, wait_for


def authority(folder):
    """A key and a certificate that others are signed with."""
    key, cert = folder / "ca.key", folder / "ca.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=the tests", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return key, cert


def certificate(folder, name, names, days=2):
    """One for these names by the folder's authority; days < 0: it has expired."""
    key, request, cert = (folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={names}", "-keyout", key, "-out", request],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", folder / "ca.pem",
                    "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", str(days),
                    "-copy_extensions", "copy", "-out", cert], check=True, capture_output=True)
    return key, cert


class TlsServer:
    """`ports` by name: good, expired, other (a name that is not localhost), http1 (no HTTP/2)."""

    def __init__(self, behind):
        self.dir = Path(tempfile.mkdtemp(prefix="mr-tls-", dir="/tmp"))
        self.dir.chmod(0o755)
        authority(self.dir)
        self.ca = self.dir / "ca.pem"
        self.ca.chmod(0o644)
        self.ports = {name: free_port() for name in ("good", "expired", "other", "http1")}
        certificate(self.dir, "good", "DNS:localhost,IP:127.0.0.1")
        certificate(self.dir, "expired", "DNS:localhost,IP:127.0.0.1", days=-1)
        certificate(self.dir, "other", "DNS:elsewhere.example")
        servers = "".join(f"""
    server {{
        listen 127.0.0.1:{port} ssl {"" if name == "http1" else "http2"} backlog=1024;
        ssl_certificate {self.dir}/{"good" if name == "http1" else name}.pem;
        ssl_certificate_key {self.dir}/{"good" if name == "http1" else name}.key;
        location / {{ proxy_pass {behind.url}; proxy_read_timeout 60s; }}
    }}""" for name, port in self.ports.items())
        (self.dir / "nginx.conf").write_text(f"""
daemon off; pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    log_format short '$server_protocol $connection $http_millrace_job_id';
    access_log {self.dir}/access.log short;
    client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy;
    fastcgi_temp_path {self.dir}/fastcgi; uwsgi_temp_path {self.dir}/uwsgi;
    scgi_temp_path {self.dir}/scgi;
    {servers}
}}""")

    def __enter__(self):
        self.process = subprocess.Popen(["nginx", "-c", self.dir / "nginx.conf", "-p", self.dir],
                                        stderr=subprocess.DEVNULL)
        for port in self.ports.values():
            wait_for(lambda port=port: answers(port), what="nginx")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def url(self, name, host="localhost"):
        return f"https://{host}:{self.ports[name]}"

    def log(self, job=None):
        """(protocol, number of the connection) of each request."""
        lines = (line.split() for line in (self.dir / "access.log").read_text().splitlines())
        return [(proto, connection) for proto, connection, id_ in lines if job in (None, id_)]
