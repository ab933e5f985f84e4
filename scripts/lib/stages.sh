# shellcheck shell=bash
# Runs the stages of the tests, one after another or side by side, and counts what passed. Sourced after common.sh.

LOGS=$REPO/target/test-logs
PASSED=0
FAILED=0
# Which ones, for the end of the output.
FAILURES=()

# check NAME COMMAND...: something that is right or wrong, and no test. Counts only when it fails.
check() { stage 0 "$@"; }

# tests NAME COMMAND...: cargo test, or a script that ends with a summary as below. Counts the tests; none at all is a failure.
tests() { stage 1 "$@"; }

# beside NAME COMMAND...: begins tests that go on beside the next stages. `await_tests NAME` waits for them and counts.
declare -A BESIDE
beside() {
    run_stage "$@" &
    BESIDE[$1]=$!
}
await_tests() {
    wait "${BESIDE[$1]}" || true
    unset "BESIDE[$1]"
    judge 1 "$1"
}
# For the end of a run that is broken off.
end_beside() { ((${#BESIDE[@]} == 0)) || kill "${BESIDE[@]}" 2>/dev/null || true; }

stage() {
    run_stage "${@:2}"
    judge "$1" "$2"
}

run_stage() {
    local name=$1 rc=0 start=$SECONDS
    shift
    mkdir -p "$LOGS"
    rm -f "$LOGS/$name.end"
    # A mount that hangs must not hang the whole run.
    timeout -k 10 "${OSIRISFS_STAGE_TIMEOUT:-1200}" "$@" >"$LOGS/$name.log" 2>&1 </dev/null || rc=$?
    echo "$rc $((SECONDS - start))" >"$LOGS/$name.end"
}

judge() {
    local least=$1 name=$2 rc=1 took='?' passed failed
    local log=$LOGS/$name.log
    read -r rc took <"$LOGS/$name.end" || true
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
        say "$name FAILED, exit code $rc, $took s (log: $log)"
    else
        say "$name ok, $passed tests, $took s"
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
