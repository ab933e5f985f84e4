# shellcheck shell=bash
# Runs the stages of the tests one after another and counts what passed. Sourced after common.sh.

LOGS=$REPO/target/test-logs
PASSED=0
FAILED=0
# Which ones, for the end of the output.
FAILURES=()

# check NAME COMMAND...: something that is right or wrong, and no test. Counts only when it fails.
check() { stage 0 "$@"; }

# tests NAME COMMAND...: cargo test, or a script that ends with a summary as below. Counts the tests; none at all is a failure.
tests() { stage 1 "$@"; }

stage() {
    local least=$1 name=$2 rc=0 passed failed start=$SECONDS
    shift 2
    local log=$LOGS/$name.log
    mkdir -p "$LOGS"
    # A mount that hangs must not hang the whole run.
    timeout -k 10 "${OSIRISFS_STAGE_TIMEOUT:-1200}" "$@" >"$log" 2>&1 </dev/null || rc=$?
    passed=$(count passed "$log")
    failed=$(count failed "$log")
    # It did not come to its tests, or broke off.
    ((rc == 0 || failed > 0)) || failed=1
    ((rc != 0 || passed >= least)) || { failed=1 && echo "$name ran no test" >>"$log"; }
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    if ((failed)); then
        # What passed would bury what failed.
        grep -vE '^(test .* \.\.\. ok|)$' "$log" | sed "s/^/    /" >&2 || true
        local these
        mapfile -t these < <(sed -n "s/^test \(.*\) \.\.\. FAILED$/$name: \1/p; s/^FAILED /$name: /p" "$log")
        # It may have broken off before any test, or by a time-out.
        FAILURES+=("${these[@]:-$name}")
        say "$name FAILED, exit code $rc, $((SECONDS - start)) s (log: $log)"
    else
        say "$name ok, $passed tests, $((SECONDS - start)) s"
    fi
}

# failed WHY: something that is no stage went wrong.
failed() {
    say "$1"
    FAILURES+=("$1")
    FAILED=$((FAILED + 1))
}

# cargo: "test result: ok. 12 passed; 0 failed; 1 ignored; ...". Our own scripts: "12 passed, 0 failed, 1 skipped".
count() {
    sed -n -e "s/^test result: .*[. ]\([0-9]*\) $1;.*/\1/p" -e "/^[0-9]* passed, /s/\(.*, \)\?\([0-9]*\) $1.*/\2/p" "$2" |
        awk '{ n += $1 } END { print n + 0 }'
}

# The last line, alone, as test runners print it; the exit code says the same.
summary() {
    ((${#FAILURES[@]} == 0)) || printf 'failed: %s\n' "${FAILURES[@]}" >&2
    echo "$PASSED passed, $FAILED failed"
    ((FAILED == 0))
}
