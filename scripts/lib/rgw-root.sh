# shellcheck shell=bash
# Where the Ceph of a release comes from: this Debian itself, or a Debian root of another release. Uses RELEASE, DIR.

RGW_PACKAGES=(ceph-mon ceph-osd radosgw ceph-common slapd ldap-utils)
MIRROR=${OSIRISFS_DEBIAN_MIRROR:-http://deb.debian.org/debian}

suite_of_release() {
    case $1 in
    16) echo bookworm ;;
    18) echo trixie ;;
    20) echo testing ;;
    *) die "no Debian release is known for Ceph $1 (16, 18, 20)" ;;
    esac
}

# Sets ROOT: empty when this machine is the Debian release wanted, else the folder of the root.
choose_root() {
    local suite
    suite=$(suite_of_release "$RELEASE")
    # shellcheck disable=SC1091
    if [[ $(. /etc/os-release && echo "${ID:-}-${VERSION_CODENAME:-}") == "debian-$suite" ]]; then
        ROOT=
    else
        ROOT=$STATE/roots/$suite
    fi
}

# Installs Ceph where choose_root said. A root is built once and kept.
need_ceph() {
    need_apt curl openssl
    if [[ -z $ROOT ]]; then
        need_apt "${RGW_PACKAGES[@]}"
    elif [[ ! -e $ROOT/ceph-is-here ]]; then
        need_apt debootstrap debian-archive-keyring
        # Two servers of one release may want the root at the same time.
        exec 9>"$STATE/roots.lock"
        flock 9
        [[ -e $ROOT/ceph-is-here ]] || build_root
        exec 9>&-
    fi
    in_root radosgw --version | grep -q " $RELEASE\." ||
        die "radosgw is not of release $RELEASE: $(in_root radosgw --version)"
}

build_root() {
    local suite=${ROOT##*/}
    local log=$STATE/roots/$suite.log
    mkdir -p "$STATE/roots"
    say "building a Debian $suite root for Ceph $RELEASE, some minutes, once (log: $log)"
    as_root rm -rf "$ROOT"
    {
        as_root debootstrap --variant=minbase "$suite" "$ROOT" "$MIRROR"
        printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$ROOT/usr/sbin/policy-rc.d"
        # minbase has no hosts file, and localhost is then unknown.
        echo '127.0.0.1 localhost' | as_root tee "$ROOT/etc/hosts"
        as_root cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
        # The index of testing expires when a mirror stands still.
        as_root chroot "$ROOT" apt-get -q -o Acquire::Check-Valid-Until=false update
        as_root chroot "$ROOT" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
            "${RGW_PACKAGES[@]}"
        as_root chroot "$ROOT" apt-get clean
        as_root touch "$ROOT/ceph-is-here"
    } >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        die "no Debian $suite root for Ceph $RELEASE"
    }
}

# in_root COMMAND...: runs it where Ceph is installed. A root sees DIR under the same path as the machine, in a mount
# namespace of the command's own: nothing stays mounted when the last process ends. No bucket is mounted in it: a daemon would
# serve as long as Ceph runs, although its mount was taken away outside.
in_root() {
    if [[ -z $ROOT ]]; then
        "$@"
    else
        mkdir -p "$DIR"
        # shellcheck disable=SC2016
        as_root unshare --mount --propagation private bash -c '
            set -e
            root=$1 dir=$2
            shift 2
            umount --all --types fuse.osirisfs --lazy --internal-only
            mkdir -p "$root$dir"
            mount --bind "$dir" "$root$dir"
            mount --rbind /proc "$root/proc"
            mount --rbind /dev "$root/dev"
            exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
        ' _ "$ROOT" "$DIR" "$@"
    fi
}
