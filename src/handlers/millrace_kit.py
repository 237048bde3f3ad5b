"""The handler kit for Python: the contract between Millrace and a program handler.

A handler is

    import millrace_kit as kit

    def main(payload):
        kit.progress(50, "half of it")
        with kit.output("list.csv") as path:
            ...                             # becomes an artifact when it is whole
        return {"rows": 12}                 # the job's result

    kit.run(main)

It needs nothing but Python. Without Millrace around it, for a try by hand, it
reads and writes in the current folder, and its events go nowhere.
"""
import contextlib
import json
import os
import signal
import sys

EVENT_FD = 3
USAGE, DATA, NO_INPUT, RETRY = 64, 65, 66, 75


class Fault(Exception):
    """Why the job fails: a stable code, a message for people, details as JSON.

    It fails for good (status USAGE, DATA or NO_INPUT), or is tried again (RETRY).
    With `keep` the files in the output folder become artifacts all the same, if it
    fails for good.
    """

    def __init__(self, code, message, details=None, status=DATA, keep=False):
        super().__init__(message)
        self.code, self.message, self.details, self.status, self.keep = code, message, details, status, keep


def wrong(member, wanted):
    """The fault of a payload whose member is not what it must be."""
    return Fault("invalid_payload", f'payload: "{member}" must be {wanted}', status=USAGE)


def _events():
    """Take the channel from whatever this process starts; None: nobody listens."""
    try:
        os.set_inheritable(EVENT_FD, False)
        return os.fdopen(EVENT_FD, "wb", buffering=0, closefd=False)
    except OSError:
        return None


_channel = None
_percent = -1


def _send(event):
    if _channel is not None:
        with contextlib.suppress(OSError):
            _channel.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


def job_id():
    return os.environ.get("MILLRACE_JOB_ID", "")


def attempt():
    return int(os.environ.get("MILLRACE_ATTEMPT", "1"))


def progress(percent, message):
    """How far the job is; only a new whole percentage is sent."""
    global _percent
    if int(percent) != _percent:
        _percent = int(percent)
        _send({"progress": _percent, "message": message})


def note(message):
    """What it does now, where nobody knows how much there is to do."""
    _send({"message": message})


def _files(folders, name):
    """The files of a name (None: any) right in these folders."""
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [entry.path for entry in os.scandir(folder)
                      if entry.is_file() and not entry.name.startswith(".")
                      and (entry.name == name if name else entry.name != "dependencies.json")]
    return found


def _folders(folder):
    with contextlib.suppress(OSError):
        return [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    return []


def input_path(name=None):
    """The path of an input file by its name: an uploaded one, else an artifact of a
    job that this one depends on; without a name, of the only one there is."""
    top = os.environ.get("MILLRACE_INPUT_DIR", ".")
    if name is not None and (not isinstance(name, str) or not name or name.startswith(".")
                             or "/" in name):
        raise Fault("invalid_payload", f"{json.dumps(name)[:100]} is not a plain file name",
                    status=USAGE)
    found = _files([top], name) or _files(_folders(top), name)
    named = f' "{name[:100]}"' if name else ""
    if not found:
        raise Fault("no_input", f"the job has no input file{named}", status=NO_INPUT)
    if len(found) > 1:
        raise Fault("ambiguous_input", f"the job has {len(found)} input files{named}; name one",
                    status=USAGE)
    return found[0]


@contextlib.contextmanager
def output(name):
    """A path to write to; the file becomes the artifact `name` when it is whole."""
    folder = os.environ.get("MILLRACE_OUTPUT_DIR", ".")
    temp = os.path.join(folder, f".{name}.part")
    try:
        yield temp
        os.rename(temp, os.path.join(folder, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise


def connection():
    """The database that the file of MILLRACE_CONNECTION describes, as a dict; None: there is none."""
    path = os.environ.get("MILLRACE_CONNECTION")
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _payload():
    text = sys.stdin.buffer.read()
    try:
        return json.loads(text) if text else {}
    except ValueError as why:
        raise Fault("invalid_payload", f"the payload is not JSON: {why}", status=USAGE) from why


def _stop(signo, _frame):
    """A cancelled job leaves through its `with` blocks, so no half file stays."""
    sys.exit(128 + signo)


def _fail(fault):
    print(fault.message, file=sys.stderr)
    error = {"code": fault.code, "message": fault.message}
    if fault.details is not None:
        error["details"] = fault.details
    if fault.keep:
        error["artifacts"] = True
    _send({"error": error})
    return fault.status


def run(main):
    """Call main(payload), print what it returns as the result, and exit."""
    global _channel
    _channel = _events()
    signal.signal(signal.SIGTERM, _stop)
    try:
        result = main(_payload())
        json.dump(result, sys.stdout, ensure_ascii=False, allow_nan=False)
        print(flush=True)
    except Fault as fault:
        sys.exit(_fail(fault))
    sys.exit(0)
