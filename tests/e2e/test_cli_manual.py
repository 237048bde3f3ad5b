"""What is said about the command line: help, man pages and completions agree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import BUILD, TOP  # noqa: E402

PROGRAM = BUILD / "millrace"


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=True, **more).stdout


def options_in(text):
    return {word for word in re.findall(r"^ {6}(?:-\w, )?(--[a-z-]+)", text, re.M)}


HELP = run(PROGRAM, "help")
COMMANDS = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", HELP.split("Options of every")[0], re.M)
COMMON = options_in(HELP)
GROUPS = sorted({command.split()[0] for command in COMMANDS})
# These are described in millrace(1) itself.
INSIDE = {"migrate", "token", "conf", "version", "help"}


def options_of(command):
    """Of one command, without those of its neighbours (queue show, queue set)."""
    parts = re.split(r"^  millrace ", run(PROGRAM, "help", *command.split()), flags=re.M)
    return {option for part in parts if re.match(rf"{command}(\s|$)", part)
            for option in options_in(part)}


def page_of(group):
    name = "millrace.1" if group in INSIDE else f"millrace-{group}.1"
    return (TOP / "doc" / name).read_text()


def options_on(page):
    """Those that it describes, each at the head of an item."""
    heads = " ".join(re.findall(r"^\.It (.*)$", page, re.M))
    return {f"--{word}" for word in re.findall(r"(?:Fl|,) -([a-z-]+)", heads)}


def test_there_are_commands():
    assert len(COMMANDS) > 40 and {"enqueue", "queue set", "doctor"} <= set(COMMANDS)
    assert {"--url", "--token", "--sql", "--config", "--as", "--help"} == COMMON


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_has_a_page(group):
    page = page_of(group)
    if group not in INSIDE:
        assert page.startswith(".Dd ") and f".Dt MILLRACE-{group.upper()} 1" in page
        assert f"Xr millrace-{group} 1" in page_of("help")
        assert ".Sh EXAMPLES" in page and ".Sh EXIT STATUS" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_on_its_page(command):
    group, _, second = command.partition(" ")
    page = page_of(group)
    if group in INSIDE:
        assert re.search(rf"^\.It Cm {command}\b", page, re.M)
    else:
        assert re.search(rf"^\.Nm millrace {command}$", page, re.M)
    if second and group not in INSIDE and len([c for c in COMMANDS if c.startswith(group)]) > 1:
        assert re.search(rf"^\.It Cm (\w+ , Cm )*{second}( ,|$)", page, re.M)


@pytest.mark.parametrize("group", GROUPS)
def test_pages_and_programs_have_the_same_options(group):
    have = set().union(*(options_of(command) for command in COMMANDS
                         if command.split()[0] == group))
    page = page_of(group)
    described = options_on(page)
    if group == "token":
        described = {f"--{word}" for line in re.findall(r"^\.It Cm token .*$", page, re.M)
                     for word in re.findall(r"Fl -([a-z-]+)", line)}
    elif group in INSIDE:
        described = set()
    elif group == "schedule":
        # Those of a job are where it points to.
        assert ".Xr millrace-enqueue 1" in page
        have -= options_of("enqueue") - {"--json"}
    assert described == have


def test_the_common_options_are_described_once():
    section = page_of("help").split(".Sh OPTIONS")[1].split(".Sh OUTPUT")[0]
    assert options_on(section) == COMMON | {"--version"}


@pytest.mark.parametrize("page", sorted((TOP / "doc").glob("millrace*.[158]")),
                         ids=lambda path: path.name)
def test_pages_are_well_formed(page):
    done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True,
                          check=False, env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin",
                                            "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and done.stderr == "", done.stderr
    for name, section in re.findall(r"^\.Xr (millrace\S*) (\d)", page.read_text(), re.M):
        assert (TOP / "doc" / f"{name}.{section}").exists(), (page.name, name, section)


def test_pages_and_completions_are_installed(tmp_path):
    run("make", "-s", "-C", BUILD, "install-man1", "install-nodist_bashcompletionDATA",
        "install-nodist_zshcompletionDATA", f"DESTDIR={tmp_path}", "prefix=/usr")
    share = tmp_path / "usr/share"
    for group in GROUPS:
        assert group in INSIDE or (share / f"man/man1/millrace-{group}.1").exists()
    for shell, path in (("bash", "bash-completion/completions/millrace"),
                        ("zsh", "zsh/site-functions/_millrace")):
        assert (share / path).read_text() == run(PROGRAM, "completion", shell)


# ---------------------------------------------------------------- completions

def complete(*words):
    """What bash offers for the last of these words."""
    script = run(PROGRAM, "completion", "bash") + """
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _millrace
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    return set(run("bash", "--norc", "-c", script, "bash", "millrace", *words).split())


@pytest.mark.parametrize("words, offered", [
    ([""], set(GROUPS)),
    (["q"], {"queue"}),
    (["queue", ""], {"list", "show", "pause", "resume", "set"}),
    (["--config", "/x", "queue", "p"], {"pause"}),
    (["queue", "pause", ""], set()),
    (["enqueue", "noop", "--prio"], {"--priority"}),
    (["enqueue", "--priority", ""], {"high", "medium", "low"}),
    (["enqueue", "--queue", ""], set()),
    (["list", "--status", "c"], {"completed", "cancelled"}),
    (["completion", ""], {"bash", "zsh"}),
    (["nonsense", ""], set()),
])
def test_bash_completes(words, offered):
    assert complete(*words) == offered


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_knows_every_option(command):
    assert complete(*command.split(), "--") == options_of(command) | COMMON


def test_bash_completes_files(tmp_path):
    (tmp_path / "jobs.jsonl").touch()
    for words in (["batch", "create"], ["enqueue", "noop", "--upload"], ["--config"]):
        assert complete(*words, f"{tmp_path}/j") == {f"{tmp_path}/jobs.jsonl"}


ZSH = r"""
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PS1='ready''>'; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump"
until [[ $seen == *ready\>* ]]; do zpty -r shell part && seen+=$part; done
for line in "${@:2}"; do
    zpty -w -n shell "$line"$'\t\C-b\C-e;\n'
    seen=
    until [[ $seen == *\;*ready\>* ]]; do zpty -r shell part && seen+=$part; done
    print -r -- "$seen"
    print -r -- ----
done
"""


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh_completes(tmp_path):
    (tmp_path / "_millrace").write_text(run(PROGRAM, "completion", "zsh"))
    cases = [(": millrace que", "queue"), (": millrace queue pa", "pause"),
             (": millrace enqueue noop --prio", "--priority"),
             (": millrace list --status comp", "completed")]
    run("zsh", "-n", tmp_path / "_millrace")
    (tmp_path / "millrace").write_text("#!/bin/sh\n")
    (tmp_path / "millrace").chmod(0o755)
    lines = [line.removeprefix(": ") for line, _ in cases]
    out = run("timeout", "60", "zsh", "-f", "-c", ZSH, "zsh", tmp_path, *lines,
              env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TERM": "xterm", "HOME": str(tmp_path)})
    for shown, (_, word) in zip(out.split("----"), cases):
        assert word in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown), shown
