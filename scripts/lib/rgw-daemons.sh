# shellcheck shell=bash
# Starts and ends the four daemons. Uses DIR, PORT, ROOT; each daemon's pid is in DIR/run/NAME.pid.

DAEMONS=(rgw rgw-2 rgw-3 slapd osd mon)

start_daemons() {
    local fsid osd
    fsid=$(new_uuid)
    osd=$(new_uuid)
    mkdir -p "$DIR"/{mon,osd,run,log}
    write_ceph_conf "$fsid"
    write_ldap
    write_tls
    started monmaptool --create --fsid "$fsid" --addv a "v1:127.0.0.1:$(mon_port)" --clobber "$DIR/monmap"
    started ceph-mon -c "$DIR/ceph.conf" -i a --mkfs --monmap "$DIR/monmap"
    started ceph-mon -c "$DIR/ceph.conf" -i a --pid-file "$DIR/run/mon.pid"
    monitor osd new "$osd"
    started ceph-osd -c "$DIR/ceph.conf" -i 0 --mkfs --osd-uuid "$osd"
    monitor osd crush add osd.0 1.0 host=h root=default
    started ceph-osd -c "$DIR/ceph.conf" -i 0 --pid-file "$DIR/run/osd.pid"
    started slapadd -f "$DIR/ldap/slapd.conf" -l "$DIR/ldap/people.ldif"
    start_daemon slapd
    start_daemon rgw
    local n
    for ((n = 2; n <= GATEWAYS; n++)); do start_daemon "rgw-$n"; done
}

# start_daemon NAME: slapd or a gateway; returns when a gateway answers.
start_daemon() {
    local address
    case $1 in
    slapd) started slapd -f "$DIR/ldap/slapd.conf" -h "ldap://127.0.0.1:$(ldap_port)" ;;
    rgw | rgw-[23])
        address=$(gateway_address "$1")
        started radosgw -c "$DIR/ceph.conf" -n "client.$1" --pid-file "$DIR/run/$1.pid"
        wait_for 120 answers "$address" || start_failed "the gateway does not answer on $address:$PORT"
        ;;
    *) die "no such daemon: $1" ;;
    esac
}

new_uuid() { cat /proc/sys/kernel/random/uuid; }

# answers [ADDRESS]
answers() { curl -sf -m 5 -o /dev/null "http://${1:-127.0.0.1}:$PORT/"; }

# A daemon keeps what it inherits, so it gets a log and not the caller's pipes.
started() {
    in_root "$@" >>"$DIR/log/start.log" 2>&1 </dev/null || start_failed "failed: $*"
}

# monitor COMMAND...: may be repeated, and must be: a young monitor sometimes answers EPERM.
monitor() {
    wait_for 30 in_root ceph -c "$DIR/ceph.conf" --connect-timeout 10 "$@" >>"$DIR/log/start.log" 2>&1 </dev/null ||
        start_failed "failed: ceph $*"
}

start_failed() {
    tail -n 20 "$DIR"/log/start.log "$DIR"/log/client.rgw.log >&2 2>/dev/null || true
    stop_daemons
    die "$1 (logs: $DIR/log)"
}

# daemon_pid NAME: prints the pid if that daemon lives. A pid file may be older than the machine's last boot, and the
# number then someone else's: only a process that names our folder is ours.
daemon_pid() {
    local pid
    pid=$(cat "$DIR/run/$1.pid" 2>/dev/null) || return 1
    [[ -n $pid ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$DIR/" && echo "$pid"
}

# All are asked first, since each takes a moment; nothing in memory is worth waiting long for.
stop_daemons() {
    local name pid pids=()
    for name in "${DAEMONS[@]}"; do
        if pid=$(daemon_pid "$name"); then pids+=("$pid"); fi
    done
    ((${#pids[@]})) || return 0
    as_root kill "${pids[@]}" 2>/dev/null || true
    if ! wait_for 3 gone "${pids[@]}"; then as_root kill -9 "${pids[@]}" 2>/dev/null || true; fi
    wait_for 5 gone "${pids[@]}" || say "does not end: one of the processes ${pids[*]}"
}

gone() {
    local pid
    for pid in "$@"; do [[ ! -e /proc/$pid ]] || return 1; done
}
