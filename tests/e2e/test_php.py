"""php/Millrace.php against a running Millrace, and the PHP example behind php-fpm and
as a web page."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from php import Fpm  # noqa: E402
from stack import TOP, Stack, free_port, wait_for  # noqa: E402

CLIENT = TOP / "php" / "Millrace.php"
EXAMPLES = TOP / "doc" / "examples"

# Runs the code of argv, which sees $m and may return something.
RUN = """
require $argv[1];
$m = new Millrace($argv[2], $argv[3], ['tries' => 2]);
try {
    echo json_encode(['value' => eval($argv[4])]);
} catch (MillraceException $e) {
    echo json_encode(['error' => $e->error, 'status' => $e->getCode(), 'message' => $e->getMessage(),
                      'details' => $e->details]);
}
"""


class Client:
    def __init__(self, stack):
        self.stack = stack

    def __call__(self, code, url=None):
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", "-r", RUN, CLIENT, url or self.stack.url,
             self.stack.token("anna"), code],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr + done.stdout
        return json.loads(done.stdout)

    def value(self, code):
        said = self(code)
        assert "value" in said, said
        return said["value"]

    def pdo(self):
        return ("$pdo = new PDO('pgsql:host=" + str(self.stack.dir / "run") + ";dbname=millrace;user="
                + self.user() + "', null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);")

    def user(self):
        return self.stack.value("select current_user")


@contextlib.contextmanager
def web_page(script):
    """The script as PHP's own web server shows it: its URL."""
    url = f"http://127.0.0.1:{free_port()}/"
    server = subprocess.Popen(["php", "-S", url.split("/")[2], script],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(url))
        yield url
    finally:
        server.kill()
        server.wait()


def answers(url):
    with contextlib.suppress(requests.ConnectionError):
        return requests.post(url, json={}, timeout=60).status_code == 422


@pytest.fixture(scope="module")
def php():
    example = EXAMPLES / "order-total.php"
    with Fpm(2) as fpm, web_page(example) as url, Stack("postgres", "api", "stream", "nginx") as stack:
        spec = json.loads((EXAMPLES / "order-total.json").read_text())
        spec["run"].update(socket=fpm.socket, script=fpm.script(example.name, example.read_text()))
        stack.add_type(spec)
        stack.add_type({**spec, "type": "order-total-http", "run": {
            "kind": "http", "url": url, "secret": "not a secret at all", "allow": ["127.0.0.0/8"]}})
        stack.start("worker")
        wait_for(lambda: stack.value("select count(*) from millrace.job_type where type like 'order-total%%'") == 2)
        yield Client(stack)


# ---------------------------------------------------------------- the example

ORDER = {"items": [{"name": "nut", "price": 2, "count": 3}, {"name": "bolt", "price": 5, "count": 1}]}


def test_the_example_runs_behind_php_fpm(php):
    job = php.stack.post_job("order-total", ORDER, user="anna")
    ended = php.stack.wait_job(job, user="anna")
    assert ended["result"] == {"total": 11, "job": job}
    assert ended["message"] == "bolt"
    logs = php.stack.request("GET", f"/api/jobs/{job}/logs", user="anna").json()["logs"]
    assert [line["line"] for line in logs] == ["counted 2 items"]


def test_the_example_refuses_for_good(php):
    job = php.stack.post_job("order-total", {}, user="anna")
    ended = php.stack.wait_job(job, user="anna")
    assert (ended["status"], ended["attempt"]) == ("failed", 1)
    assert ended["error"] == {"code": "http_422", "message": "payload.items must be a list", "details": {
        "status": 422, "error": {"code": "no_items", "message": "payload.items must be a list"}}}


def test_the_example_is_a_web_page_too(php):
    job = php.stack.post_job("order-total-http", ORDER, user="anna")
    assert php.stack.wait_job(job, user="anna")["result"] == {"total": 11, "job": job}
    job = php.stack.post_job("order-total-http", {}, user="anna")
    assert php.stack.wait_job(job, user="anna")["error"]["code"] == "http_422"


# ---------------------------------------------------------------- the client

def test_a_job_is_posted_and_waited_for(php):
    job = php.value("return $m->wait($m->enqueue('noop', ['name' => 'Zoë'], ['tags' => ['x']]), 20);")
    assert (job["status"], job["result"], job["tags"]) == ("completed", {"name": "Zoë"}, ["x"])


def test_a_key_makes_one_job(php):
    first, second, other = php.value(
        "return [$m->enqueue('noop', 1, [], 'k-1'), $m->enqueue('noop', 1, [], 'k-1'), $m->enqueue('noop', 1)];")
    assert first == second != other


def test_a_wait_that_is_over(php):
    said = php("$id = $m->enqueue('noop', ['sleepMs' => 20000]); try { $m->wait($id, 1); }"
               " finally { $m->cancel($id); }")
    assert said["error"] == "wait_timeout"


def test_a_job_is_cancelled(php):
    status = php.value("$id = $m->enqueue('noop', 1, ['delay' => '1h']); $m->cancel($id); return $m->status($id);")
    assert status["status"] == "cancelled"


def test_an_artifact_is_downloaded(php, tmp_path):
    upload = php.stack.request("POST", "/api/files?name=a.csv", user="anna", data=b"a,b\n1,2\n3,4\n",
                               headers={"Content-Type": "text/csv"})
    job, size = php.value(
        f"$id = $m->enqueue('analyze-file', new stdClass, ['files' => ['{upload.json()['fileId']}']]);"
        f"$m->wait($id, 30); $name = $m->artifacts($id)[0]['name'];"
        f"return [$id, $m->download($id, $name, '{tmp_path}/got')];")
    assert (tmp_path / "got").stat().st_size == size > 0
    assert [path.name for path in tmp_path.iterdir()] == ["got"]
    said = php(f"$m->download('{job}', 'none', '{tmp_path}/none');")
    assert said["status"] == 404 and [path.name for path in tmp_path.iterdir()] == ["got"]


@pytest.mark.parametrize("code, error, status", [
    ("$m->enqueue('no-such-type');", "unknown_type", 400),
    ("$m->enqueue('noop', 1, ['paylod' => 1]);", "unknown_member", 400),
    ("$m->status('01a20166-ee00-774f-8c69-122c13db19ef');", "job_not_found", 404),
    ("(new Millrace($argv[2], 'wrong'))->enqueue('noop');", "invalid_token", 401),
    ("(new Millrace('http://127.0.0.1:1', 'x', ['tries' => 1]))->enqueue('noop');", "no_answer", 0),
    ("$m->enqueue('noop', \"\\xff\");", "invalid_json", 0),
])
def test_refusals_have_their_codes(php, code, error, status):
    said = php(code)
    assert (said["error"], said["status"]) == (error, status) and said["message"]


# ---------------------------------------------------------------- in a transaction

def test_a_job_exists_if_its_transaction_commits(php):
    job, gone = php.value(
        php.pdo() + "$pdo->beginTransaction(); $id = Millrace::enqueueIn($pdo, 'noop', ['n' => 1], ['owner' => 'anna']);"
        "$pdo->commit(); $pdo->beginTransaction();"
        "$gone = Millrace::enqueueIn($pdo, 'noop', null, ['owner' => 'anna']); $pdo->rollBack();"
        "return [$id, $gone];")
    assert php.stack.wait_job(job, user="anna")["result"] == {"n": 1}
    assert php.stack.value("select count(*) from millrace.job_info where id = %s", gone) == 0


def test_a_refusal_in_a_transaction_has_its_code(php):
    said = php(php.pdo() + "Millrace::enqueueIn($pdo, 'no-such-type');")
    assert (said["error"], said["status"]) == ("unknown_type", 400)
    said = php(php.pdo() + "Millrace::enqueueIn($pdo, 'noop', 1, ['prio' => 1]);")
    assert said["status"] == 400 and said["error"]
