#!/bin/sh
# The command line: what goes to stdout, what is said of mistakes, exit codes.
. "${top_srcdir:-.}/tests/lib/tap.sh"
. "${top_srcdir:-.}/tests/lib/pg.sh"

work=$(mktemp -d)
trap 'pg_stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

pg_find || skip_all "no PostgreSQL server programs"
pg_start "$work" || exit 1

# Run it: what it said is in $out and $err, how it ended in $code.
millrace() {
    out=$("${top_builddir:-.}/millrace" "$@" 2>"$work/err")
    code=$?
    err=$(cat "$work/err")
}

millrace migrate
is 'the schema is made' "$code" 0

# Mistakes: exit code 2, nothing on stdout, and what would be right.
wrong() { # name pattern words...
    name=$1 pattern=$2
    shift 2
    millrace "$@"
    is "$name: exit code 2, nothing on stdout" "$code:$out" 2:
    like "$name: it says so" "$err" "millrace: $pattern"
}
create='*usage: millrace token create --user NAME*'
wrong 'no command' 'a command is missing; `millrace help`*'
wrong 'an unknown command' 'there is no command "nope"*' nope
wrong 'half a command' 'there is no command "token"; `millrace help token`*' token
wrong 'an unknown second word' 'there is no command "token drop"; `millrace help token`*' token drop
wrong 'a command that is a beginning' 'there is no command "migr"*' migr
wrong 'an unknown option' "there is no option --usr$create" token create --usr anna
wrong 'an option without its value' "--user needs a value$create" token create --user
wrong 'a value for a switch' "--admin takes no value$create" token create --user a --admin=yes
wrong 'a missing option' "--user is missing$create" token create --admin
wrong 'a missing operand' 'ID is missing; usage: millrace token revoke ID' token revoke
wrong 'a word too much' '"b" is too much; usage: millrace token revoke ID' token revoke a b
wrong 'a word for a command without any' '"now" is too much; usage: millrace migrate' migrate now
wrong 'a bad name' "a user's name has 1 to 100 characters" token create --user ''
wrong 'help on what is not there' 'there is no command "nope"*' help nope
wrong 'an unknown option before the command' 'there is no option --verbose; usage: millrace *' --verbose migrate
echo 'MILLRACE_SLOTS=many' >"$work/bad.conf"
wrong 'a bad setting' "$work/bad.conf:1: MILLRACE_SLOTS cannot be \"many\": it takes a whole number*" \
    --config "$work/bad.conf" conf

# Tokens.
millrace token create --user anna --admin --note 'for "the" tests'
is 'a token is made' "$code:$err" 0:
anna=$out
is 'only the token is printed' "$(printf %s "$out" | grep -cE '^mr_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$') $(printf '%s\n' "$out" | wc -l)" '1 1'
millrace token create --note=b --user=bert
bert=$out
id=${bert#mr_}
id=${id%%_*}
millrace token list
like 'the list has both' "$out" '*anna*for "the" tests*bert*b'
is 'and no secret' "$(printf %s "$out" | grep -c "${anna#mr_*_}")" 0
millrace token list --json
is 'the list is JSON' "$(printf %s "$out" | /usr/bin/python3 -c 'import json, sys
for t in json.load(sys.stdin)["tokens"]: print(t["user"], t["role"], t["note"], "revokedAt" in t)')" \
    'anna admin for "the" tests False
bert user b False'
millrace token revoke "$id"
is 'a token is revoked' "$code:$out:$err" 0::
millrace token list --json
like 'that shows' "$out" '*"user":"bert"*"revokedAt":*'
millrace token revoke nosuchtoken
is 'an unknown token cannot be revoked' "$code:$err" '4:millrace: there is no token "nosuchtoken"'
millrace token revoke -- --json
is 'behind -- all is an operand' "$code:$err" '4:millrace: there is no token "--json"'
"${top_builddir:-.}/millrace" token create --user lost >/dev/full 2>"$work/err"
is 'a token that cannot be written is no success' "$?" 1
like 'and it says so' "$(cat "$work/err")" '*could not be written*'

# Settings.
printf 'MILLRACE_SLOTS=7\nDATABASE_URL=postgresql://u:hidden@h/d\n' >"$work/good.conf"
unset_url() { (unset DATABASE_URL && "${top_builddir:-.}/millrace" "$@"); }
for place in before behind; do
    case $place in
        before) out=$(unset_url --config "$work/good.conf" conf) ;;
        behind) out=$(unset_url conf --config="$work/good.conf") ;;
    esac
    like "--config $place the command" "$out" '*MILLRACE_SLOTS=7 *'
done
is 'conf shows no password' "$(printf %s "$out" | grep -c hidden)" 0

# Help.
millrace help
is 'help is no mistake' "$code:$err" 0:
for command in migrate 'token create' 'token list' 'token revoke' conf version help; do
    like "help names $command" "$out" "*  $command *"
    is "the manual names $command" \
        "$(grep -c "^\.It Cm $command\b" "${top_srcdir:-.}/doc/millrace.1")" 1
done
millrace help token
is 'help token is about tokens' "$(printf %s "$out" | grep -c '^  millrace token ')" 3
millrace token revoke --help
is '--help behind a command is about that one' "$(printf %s "$out" | grep '^  millrace')" '  millrace token revoke ID'
millrace --help
like '--help is help' "$out" 'usage: millrace*'
millrace --version
like '--version has both versions' "$out" 'millrace [0-9]*.[0-9]* (schema [1-9]*)'

done_testing
