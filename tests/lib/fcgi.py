"""A FastCGI client, enough of one to speak to millrace-api without nginx.

    with Connection("/run/api.sock") as fcgi:
        answer = fcgi.request("GET", "/healthz")
        answer.status, answer.headers, answer.json()
"""

import json
import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER, KEEP = 1, 1


def record(kind, content=b""):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def stream(kind, content):
    """A stream's records and the empty one that ends it."""
    parts = (content[i:i + 65528] for i in range(0, len(content), 65528))
    return b"".join(record(kind, part) for part in parts) + record(kind)


def pair(name, value):
    def length(n):
        return bytes([n]) if n < 128 else struct.pack("!I", n | 0x80000000)
    name, value = name.encode("latin-1"), value.encode("latin-1")
    return length(len(name)) + length(len(value)) + name + value


class Answer:
    def __init__(self, raw):
        head, _, self.content = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value for name, _, value in
                        (line.partition(": ") for line in lines)}
        self.status = int(self.headers.get("status", "200").split()[0])

    def json(self):
        return json.loads(self.content)

    @property
    def code(self):
        """The code of a failure."""
        return self.json()["error"]["code"]


def params_of(method, path, headers, body):
    """CGI's variables as nginx sends them."""
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": method, "REQUEST_URI": path,
        "QUERY_STRING": path.partition("?")[2],
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "CONTENT_TYPE": headers.pop("Content-Type", ""),
    }
    for name, value in headers.items():
        params["HTTP_" + name.upper().replace("-", "_")] = value
    return params


class Connection:
    """One connection; `keep` asks the server to leave it open."""

    def __init__(self, path, keep=True, timeout=60):
        self.keep = keep
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, method, path, headers=None, body=b"", end=True, **params):
        """`end` False leaves out what says that the body is complete."""
        headers = dict(headers or {})
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        params = {**params_of(method, path, headers, body), **params}
        self.socket.sendall(
            record(BEGIN, struct.pack("!HB5x", RESPONDER, KEEP if self.keep else 0))
            + stream(PARAMS, b"".join(pair(n, v) for n, v in params.items()))
            + stream(STDIN, body)[:None if end else -8])

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        return data

    def receive(self):
        out = b""
        while True:
            _, kind, _, length, padding = struct.unpack("!BBHHBx", self._read(8))
            content = self._read(length + padding)[:length]
            if kind == STDOUT:
                out += content
            elif kind == END:
                return Answer(out)

    def request(self, method, path, headers=None, body=b"", **params):
        self.send(method, path, headers, body, **params)
        return self.receive()
