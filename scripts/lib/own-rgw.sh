# shellcheck shell=bash
# A gateway for one run of one script: in a folder and on ports of its own, so that two runs do not meet. Sourced after
# common.sh.

OWN_RGW=$STATE/rgw-own.$$

# own_rgw_up RELEASE [OPTIONS]: starts it and exports its OSIRISFS_RGW_* variables. The caller's trap must call own_rgw_down.
own_rgw_up() {
    local env release=$1
    shift
    "$REPO/scripts/rgw" up --release "$release" --dir "$OWN_RGW" --port any "$@" || return 1
    env=$("$REPO/scripts/rgw" env --release "$release" --dir "$OWN_RGW") || return 1
    eval "$env"
}

# Ends it, and what runs that were killed have left behind.
own_rgw_down() {
    local dir
    for dir in "$STATE"/rgw-own.*/; do
        dir=${dir%/}
        [[ $dir == "$OWN_RGW" || ! -e /proc/${dir##*.} ]] || continue
        "$REPO/scripts/rgw" down --dir "$dir" || true
        rm -f "$dir.lock"
    done
}
