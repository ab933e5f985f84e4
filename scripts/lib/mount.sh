# shellcheck shell=bash
# Mounts a bucket with this repository's osirisfs, for the scripts that measure it. Sourced after common.sh and need.sh.

BINARY=${OSIRISFS_BINARY:-}

# Builds the release binary, or takes the one that OSIRISFS_BINARY names.
need_binary() {
    need_apt fuse3
    [[ -z $BINARY ]] || return 0
    need_cargo
    say "building osirisfs (release)"
    (cd "$REPO" && cargo build --release --locked --quiet)
    BINARY=${CARGO_TARGET_DIR:-$REPO/target}/release/osirisfs
}

# mount_osirisfs BUCKET DIR [FLAG...]: as alice on the gateway of OSIRISFS_RGW_*.
mount_osirisfs() {
    mkdir -p "$2"
    OSIRIS_TOKEN=$OSIRISFS_RGW_TOKEN_ALICE "$BINARY" mount --endpoint "$OSIRISFS_RGW_ENDPOINT" "$@"
}

# unmount DIR: any FUSE mount; the emergency exit when the polite way fails.
unmount() {
    mountpoint -q "$1" || return 0
    fusermount3 -u "$1" || fusermount3 -uz "$1"
    wait_for 60 not_mounted "$1"
}
not_mounted() { ! mountpoint -q "$1"; }

# through_link PROGRAM DELAY RATE LINE BREAKS: from now on the service of OSIRISFS_RGW_* is seen through scripts/slow-link.rs. Sets LINK_PID.
through_link() {
    local program=$1 out=$STATE/link.$$
    shift
    "$program" "${OSIRISFS_RGW_ENDPOINT#http://}" "$@" >"$out" &
    LINK_PID=$!
    wait_for 10 test -s "$out" || die "$program does not start"
    OSIRISFS_RGW_ENDPOINT=http://$(cat "$out")
    rm "$out"
}
