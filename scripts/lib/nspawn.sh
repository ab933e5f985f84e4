# shellcheck shell=bash
# A Debian with a real systemd in a container (systemd-nspawn): its root is built once and copied for each run. Sourced after
# common.sh and need.sh; needs root. The caller sets NAME (of the container), and calls halt and forget at its end.

SUITE=bookworm
MIRROR=${OSIRISFS_DEBIAN_MIRROR:-http://deb.debian.org/debian}
ROOT=$STATE/$NAME
CGROUPS=() NSPAWN='' INIT=''

# need_base WHAT PACKAGE...: the root for this purpose, in $BASE. Several runs may want it at the same time.
need_base() {
    BASE=$STATE/roots/$1-$SUITE
    local log=$BASE.log
    shift
    need_apt debootstrap debian-archive-keyring systemd-container
    mkdir -p "$STATE/roots"
    exec 9>"$STATE/roots.lock"
    flock 9
    # Another list of packages is another root.
    if [[ $(cat "$BASE/root-is-ready" 2>/dev/null) != "$*" ]]; then
        say "building a Debian $SUITE root with systemd, two minutes, once (log: $log)"
        rm -rf "$BASE"
        build_base "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2 && die "the root could not be built"; }
        echo "$*" >"$BASE/root-is-ready"
    fi
    exec 9>&-
}

# debootstrap would take "fuse" for a package that wants any of both; therefore apt.
build_base() {
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,fuse3,procps "$SUITE" "$BASE" "$MIRROR" &&
        cp /etc/resolv.conf "$BASE/etc/resolv.conf" &&
        chroot "$BASE" apt-get -q update &&
        chroot "$BASE" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@" &&
        rm -rf "$BASE"/var/lib/apt/lists/* "$BASE"/var/cache/apt/archives/*.deb
}

# A fresh copy of the base.
prepare_root() {
    rm -rf "$ROOT"
    cp -a --reflink=auto "$BASE" "$ROOT"
    # minbase has no hosts file, and localhost is then unknown.
    echo '127.0.0.1 localhost' >"$ROOT/etc/hosts"
    # A node of its own, which ordinary users may open.
    echo 'c /dev/fuse 0666 root root - 10:229' >"$ROOT/etc/tmpfiles.d/fuse.conf"
    # cgroups and the network are the host's; what is not there is not a test's business.
    rm -f "$ROOT/etc/machine-id" && touch "$ROOT/etc/machine-id"
}

# boot OPTION...: of systemd-nspawn.
boot() {
    local h
    for h in systemd unified; do
        [[ -d /sys/fs/cgroup/$h ]] || continue
        mkdir -p "/sys/fs/cgroup/$h/$NAME"
        CGROUPS+=("/sys/fs/cgroup/$h/$NAME")
    done
    (
        # A group of its own: the container's systemd must not share one with another's.
        for h in "${CGROUPS[@]}"; do echo "$BASHPID" >"$h/cgroup.procs"; done
        exec systemd-nspawn -q -D "$ROOT" -M "$NAME" --boot --register=no --keep-unit --capability=all \
            --private-users=no --bind=/dev/autofs "$@" </dev/null >>"$ROOT.log" 2>&1
    ) &
    NSPAWN=$!
    wait_for 30 init_runs || die "the container does not boot (log: $ROOT.log)"
    # "degraded" counts: only that it has booted.
    wait_for 90 has_booted || die "the container does not come up: $(inside systemctl list-jobs || true)"
}
init_runs() { INIT=$(pgrep -P "$NSPAWN" | head -n 1) && [[ -n $INIT ]]; }
has_booted() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

# Without env -i the host's environment would get into mount helpers.
inside() { nsenter -t "$INIT" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

halt() {
    [[ -n $NSPAWN ]] || return 0
    inside systemctl poweroff >/dev/null 2>&1 || true
    wait_for 60 halted || kill -KILL "$NSPAWN" "$INIT" 2>/dev/null || true
    wait "$NSPAWN" 2>/dev/null || true
    NSPAWN=''
    local h
    for h in "${CGROUPS[@]}"; do find "$h" -depth -type d -exec rmdir {} \; 2>/dev/null || true; done
    CGROUPS=()
}
halted() { ! kill -0 "$NSPAWN" 2>/dev/null; }

# forget KEEP: takes the copy away, unless somebody wants to look at it.
forget() {
    if [[ -n $1 ]]; then
        say "left behind: $ROOT, log $ROOT.log"
    else
        rm -rf "$ROOT" "$ROOT.log"
    fi
}

# part NAME: one function of what was put at /root/inside.sh; its lines "ok ..." and "FAILED ..." are counted.
RESULTS=()
part() {
    local out
    out=$(inside timeout -k 5 "${PART_TIMEOUT:-180}" bash /root/inside.sh "$1" 2>&1) || out+=$'\n'"FAILED $1 broke off"
    printf '%s\n' "$out"
    mapfile -t -O "${#RESULTS[@]}" RESULTS < <(grep -E '^(ok|FAILED) ' <<<"$out")
}

# The last line, and whether all is well.
results() {
    local passed failed
    passed=$(printf '%s\n' "${RESULTS[@]}" | grep -c '^ok ' || true)
    failed=$((${#RESULTS[@]} - passed))
    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 0))
}
