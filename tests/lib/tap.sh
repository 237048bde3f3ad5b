# shellcheck shell=sh
# TAP for shell scripts: a line a test, the plan at the end.
#
#   ok NAME COMMAND…      the command succeeds
#   is NAME GOT WANT      two texts are the same
#   like NAME GOT PATTERN the text fits a pattern of the shell
#   skip_all WHY          nothing can be tested here
#   wait_for COMMAND…     ask again until it succeeds, at most 20 s
#   done_testing          the last line of the script

tap_count=0

tap_result() { # good? name
    tap_count=$((tap_count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $tap_count - $2"
    else
        echo "not ok $tap_count - $2"
    fi
}

tap_explain() { printf '%s\n' "$@" | sed 's/^/# /'; }

ok() {
    tap_name=$1
    shift
    if tap_said=$("$@" 2>&1); then
        tap_result 0 "$tap_name"
    else
        tap_result 1 "$tap_name"
        tap_explain "failed: $*" "$tap_said"
    fi
}

is() {
    if [ "$2" = "$3" ]; then
        tap_result 0 "$1"
    else
        tap_result 1 "$1"
        tap_explain "got:  $2" "want: $3"
    fi
}

like() {
    # shellcheck disable=SC2254 # it is meant as a pattern
    case $2 in
        $3) tap_result 0 "$1" ;;
        *)
            tap_result 1 "$1"
            tap_explain "got:  $2" "want: $3"
            ;;
    esac
}

skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

wait_for() {
    tap_deadline=$(($(date +%s) + 20))
    until "$@"; do
        [ "$(date +%s)" -lt "$tap_deadline" ] || return 1
        sleep 0.02
    done
}

done_testing() { echo "1..$tap_count"; }
