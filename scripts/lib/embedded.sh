# shellcheck shell=bash
# The S3 server inside the binary, by itself, for a script that needs a service and not a Ceph. Sourced after mount.sh.

EMBEDDED_PID=

# embedded_up OPTION...: starts it with alice's bucket (and what the options of serve-s3 add), and exports the
# OSIRISFS_RGW_* variables that mount_osirisfs uses. The caller's trap must call embedded_down.
embedded_up() {
    local out=$STATE/embedded.$$
    mkdir -p "$STATE"
    "$BINARY" serve-s3 --user alice_um --bucket um-test "$@" >"$out" 2>"$out.log" </dev/null &
    EMBEDDED_PID=$!
    # Its first line is the endpoint, its second "USER TOKEN"; it answers when they are there.
    wait_for 10 grep -qs '^alice_um ' "$out" || die "the embedded server does not start: $(cat "$out.log")"
    OSIRISFS_RGW_ENDPOINT=$(head -n 1 "$out")
    OSIRISFS_RGW_TOKEN_ALICE=$(sed -n 's/^alice_um //p' "$out")
    OSIRISFS_RGW_BUCKET=um-test
    export OSIRISFS_RGW_ENDPOINT OSIRISFS_RGW_TOKEN_ALICE OSIRISFS_RGW_BUCKET
}

embedded_down() {
    if [[ -n $EMBEDDED_PID ]] && kill "$EMBEDDED_PID" 2>/dev/null; then
        wait "$EMBEDDED_PID" || true
    fi
    rm -f "$STATE/embedded.$$" "$STATE/embedded.$$.log"
}
