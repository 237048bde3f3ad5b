"""A web server under test: answers each request as its body says, and keeps what it was sent."""

import contextlib
import json
import socket
import threading
import time
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import wait_for

Request = namedtuple("Request", "method path headers body port at")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass  # the other side may leave when it wants to


class WebServer:
    """
    Members of a request's body: status, headers, body (a text) or result (JSON),
    sleep (seconds), held (until answer_when()), size (of a body, sent piece by piece), drop (no answer at all), answers
    (a list of such objects, one for each attempt). `down` makes all be 500.
    """

    def __init__(self, host="127.0.0.1", family=socket.AF_INET):
        owner = self
        self.requests, self.open = [], 0
        self.down = False
        self.hooks = {}  # path → what is called with the request; its value is the answer
        self.lock = threading.Lock()
        self.let_go = threading.Event()
        self.closed = []  # bodies whose connection the client closed before the answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                owner._serve(self)

            do_GET = do_POST

        server = type("Server", (_Server,), {"address_family": family})
        self.server = server((host, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def of(self, job):
        """The requests for a job, in their order."""
        return [r for r in list(self.requests) if r.headers.get("Millrace-Job-Id") == job]

    def answer_when(self, count):
        """Those that are held are answered when so many are open at once."""
        wait_for(lambda: self.open == count, what=f"{count} open at once")
        self.let_go.set()
        wait_for(lambda: self.open == 0, what="all are answered")
        self.let_go.clear()

    def ports(self):
        return {r.port for r in self.requests}

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        request = Request(handler.command, handler.path, handler.headers, body,
                          handler.client_address[1], time.time())
        with self.lock:
            self.requests.append(request)
            self.open += 1
        try:
            self._answer(handler, request)
        finally:
            with self.lock:
                self.open -= 1

    def _wanted(self, request):
        if request.path in self.hooks:
            return self.hooks[request.path](request)
        try:
            wanted = json.loads(request.body)
        except ValueError:
            wanted = {}
        wanted = wanted if isinstance(wanted, dict) else {}
        wanted = wanted.get("payload", wanted)
        if "answers" in wanted:
            nth = int(request.headers["Millrace-Attempt"]) - 1
            wanted = wanted["answers"][min(nth, len(wanted["answers"]) - 1)]
        return {"status": 500} if self.down else wanted

    def _answer(self, handler, request):
        wanted = self._wanted(request)
        if self._client_leaves(handler, wanted.get("sleep", 0)):
            self.closed.append(request)
            return
        if wanted.get("held"):
            self.let_go.wait(60)
        if wanted.get("drop"):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.dumps(wanted["result"]).encode() if "result" in wanted else \
            wanted.get("body", "").encode()
        handler.send_response(wanted.get("status", 200))
        for name, value in wanted.get("headers", {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(wanted.get("size", len(body))))
        handler.end_headers()
        if "size" in wanted:
            with contextlib.suppress(OSError):
                for _ in range(wanted["size"] // 65536):
                    handler.wfile.write(b"x" * 65536)
                handler.wfile.write(b"x" * (wanted["size"] % 65536))
            return
        handler.wfile.write(body)

    @staticmethod
    def _client_leaves(handler, seconds):
        """Wait; true where the other side closes meanwhile."""
        if not seconds:
            return False
        handler.connection.settimeout(seconds)
        try:
            return handler.connection.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            handler.connection.settimeout(None)
            return False
        except OSError:
            return True
