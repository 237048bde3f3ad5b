"""Runs a job's Python code that makes a file.

The code runs in a process of its own, in an empty folder. What it prints is the
job's log. It has in scope what `scope()` gives, among it `output`: the path that
it writes to. It may as well fill what is prepared for its kind of document, or
write one file of that kind into its folder.
"""
import json
import linecache
import os
import shutil
import signal
import sys
import tempfile
import traceback

import millrace_kit as kit

NAME = "code"


def scope(kind, payload, output):
    title = payload.get("title", "Document")
    names = {"__name__": "__main__", "output": output, "title": title, "data": payload.get("data", {}), "payload": payload,
             "progress": kit.progress, "input_path": kit.input_path, kind.prepared: kind.new(title)}
    return names


def place(why):
    """The line of the code where it went wrong."""
    if isinstance(why, SyntaxError) and why.filename == NAME:
        return why.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(why.__traceback__) if frame.filename == NAME]
    return lines[-1] if lines else None


def account(why):
    """What went wrong, as the job's error; the log has it whole."""
    traceback.print_exception(why)
    line, kind = place(why), type(why).__name__
    at = f" in line {line}" if line else ""
    details = {"exception": kind, "message": str(why)[:2000]}
    if line:
        details["line"] = line
    return {"code": "code_failed", "message": f"the code failed{at}: {kind}: {str(why)[:500]}", "details": details}


def run_in_scope(kind, payload, output):
    names = scope(kind, payload, output)
    before = kind.mark(names[kind.prepared])
    linecache.cache[NAME] = (len(payload["code"]), None, payload["code"].splitlines(True), NAME)
    try:
        exec(compile(payload["code"], NAME, "exec"), names)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    if not os.path.exists(output) and not left_in_folder(kind, output):
        prepared = names.get(kind.prepared)
        if prepared is not None and kind.mark(prepared) != before:
            kind.save(prepared, output, payload.get("title", "Document"))


def left_in_folder(kind, output):
    """Code that was written for elsewhere saves under a name of its own."""
    found = [name for name in os.listdir(".") if name.lower().endswith(kind.suffix) and os.path.isfile(name)]
    if len(found) == 1:
        shutil.move(found[0], output)
    return bool(found)


def child(kind, payload, output, answer):
    """Never returns."""
    error = None
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        run_in_scope(kind, payload, output)
    except kit.Fault as fault:
        error = {"code": fault.code, "message": fault.message}
    except BaseException as why:
        error = account(why)
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(answer, "w", encoding="utf-8") as file:
        json.dump({"error": error}, file)
    os._exit(0)


def make(kind, payload, output):
    """Run the code; the file is at `output` when this returns."""
    folder, output = tempfile.mkdtemp(prefix="code-"), os.path.abspath(output)
    here = os.getcwd()
    os.chdir(folder)
    try:
        outcome, status = in_child(kind, payload, output)
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)
    if outcome is None:
        raise kit.Fault("code_killed", f"the code's process was ended ({ending(status)}), perhaps for the memory or time it used",
                        {"status": os.waitstatus_to_exitcode(status)})
    if outcome["error"]:
        raise kit.Fault(**outcome["error"])
    if not os.path.exists(output):
        raise kit.Fault("no_output", f'the code has made no file: it must write to the path in "output", fill "{kind.prepared}",'
                        f" or save one {kind.suffix} file")


def ending(status):
    code = os.waitstatus_to_exitcode(status)
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def in_child(kind, payload, output):
    """What it answered (None: nothing), and how it ended."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child(kind, payload, output, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, encoding="utf-8") as file:
            text = file.read()
        status = os.waitpid(pid, 0)[1]
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    return (json.loads(text) if text else None), status
