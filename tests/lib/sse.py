"""Server-sent events through nginx, as a browser's EventSource takes them.

    with Sse(stack.url, f"/api/jobs/{job}/events", bearer(stack)) as stream:
        for event in stream:
            ...

A Follower is a thread that comes back with Last-Event-ID until it is told 204.
"""

import http.client
import json
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

FINAL = {"job-complete", "job-failed", "job-cancelled"}


@dataclass
class Event:
    id: str
    name: str
    data: dict
    at: float           # when it came, on our monotonic clock

    @property
    def seq(self):
        """Its place in the log; of a stream of many jobs the last part of the id."""
        return int(self.id.rsplit("~", 1)[-1])


class Sse:
    """One request; iterating gives its events until the server ends it."""

    def __init__(self, url, path, headers=None, last_id=None, timeout=30):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
        headers = dict(headers or {})
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.last_id = last_id
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers
        self.comments = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.response.close()
        self.connection.close()

    def json(self):
        return json.loads(self.response.read())

    def __iter__(self):
        assert self.status == 200, (self.status, self.response.read())
        last_id, name, data = self.last_id, "message", []
        for line in iter(self.response.readline, b""):
            field, _, value = line.decode().rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if field == "id":
                last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "" and value:
                self.comments += 1
            elif field == "":
                self.last_id = last_id      # what was cut off before here does not count
                if data:
                    yield Event(last_id, name, json.loads("\n".join(data)), time.monotonic())
                name, data = "message", []


class Follower(threading.Thread):
    """Keeps listening, whatever breaks, until 204 says that all has been told, or
    until `enough` says so of the events that have come."""

    def __init__(self, url, path, headers, enough=None, last_id=None):
        super().__init__(daemon=True)
        self.url, self.path, self.headers = url, path, headers
        self.enough = enough or (lambda events: False)
        self.last_id = last_id
        self.events, self.connects, self.refusals = [], 0, []
        self.error, self.stopping = None, False
        self.opened = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping and not self.enough(self.events):
                if self._listen() == 204:
                    break
                time.sleep(0.05)        # EventSource too waits before it comes back
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def _listen(self):
        try:
            with Sse(self.url, self.path, self.headers, self.last_id) as stream:
                if stream.status not in (200, 204):
                    self.refusals.append((stream.status, stream.json()["error"]["code"]))
                elif stream.status == 200:
                    self._keep(stream)
                return stream.status
        except (OSError, http.client.HTTPException):
            return None                 # cut off: come back

    def _keep(self, stream):
        self.connects += 1
        self.opened.set()
        try:
            for event in stream:
                self.events.append(event)
                if self.stopping or self.enough(self.events):
                    return
        finally:
            self.last_id = stream.last_id

    def finish(self, seconds=60):
        """Wait for the end and give the events."""
        self.join(seconds)
        if self.error:
            raise self.error
        assert not self.is_alive(), f"still listening after {seconds} s: {self.events[-3:]}"
        return self.events


def seqs(events):
    return [event.seq for event in events]
