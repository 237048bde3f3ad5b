"""Further servers beside a stack: a plain nginx in front of it, or one for CGI.
They run as the stack's user and end with their block."""

import contextlib
import os
import socket
import subprocess

from stack import free_port, wait_for

AS_USER = (["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
           if os.geteuid() == 0 else [])


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def folder_of(stack, name):
    folder = stack.dir / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    return folder


@contextlib.contextmanager
def server(command, ready, **more):
    """A program as the stack's user, until the block ends."""
    with subprocess.Popen([*AS_USER, *map(str, command)], stdin=subprocess.DEVNULL,
                          **more) as process:
        try:
            wait_for(lambda: ready() or process.poll() is not None, what=f"{command[0]} is up")
            assert process.poll() is None, f"{command} ended at once"
            yield process
        finally:
            process.terminate()
            process.wait(20)


@contextlib.contextmanager
def plain_nginx(stack, inside):
    """An nginx with Debian's defaults and one server; gives its URL."""
    port, folder = free_port(), folder_of(stack, "site")
    conf = folder / "nginx.conf"
    temp = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf.write_text(f"""
        daemon off;
        pid {folder}/nginx.pid;
        error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            {temp}
            server {{ listen 127.0.0.1:{port}; {inside} }}
        }}""")
    command = ["/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log", "-c", conf]
    with server(command, lambda: answers(port)):
        yield f"http://127.0.0.1:{port}"
