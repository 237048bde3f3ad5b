"""Clients that post jobs, each request with an Idempotency-Key of its own, and
remember how each went."""

import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Try:
    key: str
    began: float        # on our monotonic clock
    ended: float
    status: int         # 0: the connection broke
    body: dict

    @property
    def job(self):
        return self.body.get("jobId")


class Client:
    """One kept connection to nginx."""

    def __init__(self, url, headers):
        self.netloc = urlsplit(url).netloc
        self.headers = {**headers, "Content-Type": "application/json"}
        self.connection = None

    def post(self, path, body, key):
        began = time.monotonic()
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection(self.netloc, timeout=60)
            self.connection.request("POST", path, json.dumps(body),
                                    {**self.headers, "Idempotency-Key": key})
            answer = self.connection.getresponse()
            status, text = answer.status, answer.read()
            return Try(key, began, time.monotonic(), status, json.loads(text))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Try(key, began, time.monotonic(), 0, {"broken": repr(error)})

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Load:
    """`threads` clients post until the block ends; all tries are in `tries`.

    With `repeat` a try that failed is repeated with its key until it is accepted.
    """

    def __init__(self, url, headers, body, threads=16, repeat=False, pause=0.0):
        self.url, self.headers, self.body = url, headers, body
        self.repeat, self.pause = repeat, pause
        self.tries = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, daemon=True)
                         for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_more(50)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _post(self):
        client = Client(self.url, self.headers)
        key = None
        while not self._stop.is_set() or key:
            key = key or str(uuid.uuid4())
            done = client.post("/api/jobs", self.body, key)
            self.tries.append(done)
            if done.status == 202 or not self.repeat:
                key = None
            else:
                time.sleep(0.02)
            if self.pause:
                time.sleep(self.pause)
        client.close()

    def wait_more(self, count, seconds=60):
        """Wait until so many more have been accepted."""
        wanted = len(self.accepted) + count
        deadline = time.monotonic() + seconds
        while len(self.accepted) < wanted:
            assert time.monotonic() < deadline, \
                f"{wanted - len(self.accepted)} of {count} not accepted: {self.tries[-3:]}"
            time.sleep(0.01)

    @property
    def accepted(self):
        return [one for one in list(self.tries) if one.status == 202]

    @property
    def failed(self):
        return [one for one in list(self.tries) if one.status != 202]

    def again(self, tries):
        """Repeat these, each with its key."""
        client = Client(self.url, self.headers)
        done = [client.post("/api/jobs", self.body, one.key) for one in tries]
        client.close()
        return done
