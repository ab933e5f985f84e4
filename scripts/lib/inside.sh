# shellcheck shell=bash
# For what tests do inside a container: each check is a line "ok ..." or "FAILED ...". Sourced.

# check WHAT COMMAND...: one line. Output of a failed command is shown.
check() {
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok $what"
    else
        echo "FAILED $what: $* -> $?"
        printf '%s\n' "$out" | sed 's/^/    /'
    fi
}
not() { ! "$@"; }
soon() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "not within the time: $*" && "$@"; return 1; }
        sleep 0.1
    done
}
