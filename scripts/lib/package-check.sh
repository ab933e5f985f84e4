# shellcheck shell=bash
# What scripts/package --check does with the packages that were built: reads them as their users' tools do, and installs
# and uses them in Debian roots. Sourced after common.sh, need.sh and embedded.sh; needs root.

MIRROR=${OSIRISFS_DEBIAN_MIRROR:-http://deb.debian.org/debian}
CHECK=$STATE/package-check.$$
CHECKED=0 WRONG=0

# ok WHAT COMMAND...: a line; the output of a command that failed is shown.
ok() {
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then
        echo "ok $what"
        CHECKED=$((CHECKED + 1))
    else
        echo "FAILED $what: $*"
        printf '%s\n' "$out" | sed 's/^/    /'
        WRONG=$((WRONG + 1))
    fi
}
not() { ! "$@"; }
gone() {
    local path
    for path in "$@"; do [[ ! -e $path && ! -L $path ]] || { echo "$path is still there" && return 1; }; done
}
# says FILE-OR-COMMAND...: the first word is what the output of the rest must have, as a regular expression.
says() {
    local want=$1 out
    shift
    out=$("$@" 2>&1) || { printf '%s\n' "$out" && return 1; }
    printf '%s\n' "$out"
    grep -Eq -- "$want" <<<"$out"
}

# The highest version of glibc that a binary asks for.
glibc_of() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1; }
old_enough() { [[ $(printf '%s\n2.17\n' "$(glibc_of "$1")" | sort -V | tail -n 1) == 2.17 ]]; }
is_static() { ! readelf -lW "$1" | grep -q INTERP; }

check_packages() {
    local deb rpm tar
    deb=$(ls "$OUT"/osirisfs_*.deb) rpm=$(ls "$OUT"/osirisfs-*.rpm) tar=$(ls "$OUT"/osirisfs-*.tar.gz)
    need_apt lintian rpm rpm2cpio cpio binutils debootstrap debian-archive-keyring fuse3
    trap check_ends EXIT
    mkdir -p "$CHECK/deb" "$CHECK/rpm" "$CHECK/tar"
    dpkg-deb -x "$deb" "$CHECK/deb"
    # rpm2cpio ends with 1 for a package without a signature, after it has written all; cpio sees whether it is whole.
    (cd "$CHECK/rpm" && { rpm2cpio "$rpm" || true; } | cpio --quiet -idm)
    tar -C "$CHECK/tar" --strip-components=1 -xzf "$tar"
    check_files "$deb" "$rpm"
    BINARY=$CHECK/deb/usr/bin/osirisfs
    embedded_up
    local suite
    for suite in bookworm bullseye; do
        debian_root "$suite"
        check_deb "$suite" "$deb"
        check_rpm "$suite" "$rpm"
        check_tar "$suite"
        forget_root
    done
    echo "$CHECKED passed, $WRONG failed"
    ((WRONG == 0))
}

check_ends() {
    embedded_down
    forget_root
    rm -rf "$CHECK"
}

# Without an installation.
check_files() {
    local deb=$1 rpm=$2 page
    ok "lintian has no error to tell of" lintian --allow-root --fail-on error "$deb"
    for page in deb rpm; do
        ok "$page: the program runs with glibc 2.17" old_enough "$CHECK/$page/usr/bin/osirisfs"
    done
    ok "tar: the program is static" is_static "$CHECK/tar/osirisfs"
    for page in man1/osirisfs.1 man1/osirisfs-mount.1 man8/mount.osirisfs.8 man5/osirisfs.conf.5; do
        ok "rpm: $page" test -s "$CHECK/rpm/usr/share/man/$page.gz"
        ok "deb: $page" test -s "$CHECK/deb/usr/share/man/$page.gz"
    done
    for page in etc/osirisfs.conf usr/share/bash-completion/completions/osirisfs usr/lib/systemd/user/osirisfs@.service; do
        ok "rpm: $page" test -s "$CHECK/rpm/$page"
        ok "deb: $page" test -s "$CHECK/deb/$page"
    done
    ok "rpm: unit" test -s "$CHECK/rpm/usr/lib/systemd/system/osirisfs@.service"
    ok "rpm: licence" test -s "$CHECK/rpm/usr/share/licenses/osirisfs/LICENSE"
    ok "rpm: needs fuse3" says '^fuse3' rpm -qp --requires "$rpm"
    ok "rpm: asks for no newer glibc" not says 'GLIBC_2\.(1[89]|[2-9][0-9])' rpm -qp --requires "$rpm"
    ok "rpm: RHEL 7 can read it" not says PayloadIsZstd rpm -qp --requires "$rpm"
    ok "rpm: scripts" says 'PRUNEFS' rpm -qp --scripts "$rpm"
    ok "rpm: settings of the administrator stay" says '^/etc/osirisfs.conf$' rpm -qp --configfiles "$rpm"
    ok "rpm: digests" rpm -K --nosignature "$rpm"
}

# debian_root SUITE: a root of this release in $ROOT; what it is copied from is built once.
ROOT=
debian_root() {
    local base=$STATE/roots/plain-$1 log=$STATE/roots/plain-$1.log
    mkdir -p "$STATE/roots"
    if [[ ! -e $base/root-is-ready ]]; then
        say "building a Debian $1 root, once (log: $log)"
        rm -rf "$base"
        debootstrap --variant=minbase --include=fuse3,procps "$1" "$base" "$MIRROR" >"$log" 2>&1 ||
            { tail -n 20 "$log" >&2 && die "the root could not be built"; }
        rm -rf "$base"/var/cache/apt/archives/*.deb
        touch "$base/root-is-ready"
    fi
    ROOT=$CHECK/root
    cp -a --reflink=auto "$base" "$ROOT"
    echo '127.0.0.1 localhost' >"$ROOT/etc/hosts"
    # minbase has none, and fusermount3 wants to see it.
    ln -sf ../proc/self/mounts "$ROOT/etc/mtab"
    # As plocate brings it.
    echo 'PRUNEFS="NFS proc"' >"$ROOT/etc/updatedb.conf"
    mount -t proc proc "$ROOT/proc"
    [[ -e $ROOT/dev/fuse ]] || mknod "$ROOT/dev/fuse" c 10 229
    chmod 666 "$ROOT/dev/fuse"
    cp "$OUT"/osirisfs[-_]* "$ROOT/root/"
    cp -r "$CHECK/tar" "$ROOT/srv/osirisfs"
    chroot "$ROOT" useradd -m alice
    install -o "$(chroot "$ROOT" id -u alice)" -m 600 /dev/stdin "$ROOT/home/alice/token" <<<"$OSIRISFS_RGW_TOKEN_ALICE"
    install -m 600 /dev/stdin "$ROOT/root/token" <<<"$OSIRISFS_RGW_TOKEN_ALICE"
}

forget_root() {
    [[ -n $ROOT ]] || return 0
    local place
    # The last mount first: one may lie in another.
    while read -r place; do umount -l "$place" || true; done < <(findmnt -rno TARGET | grep -F "$ROOT/" | tac)
    # Never through a mount that is still there.
    rm -rf --one-file-system "$ROOT"
    ROOT=
}

# within COMMAND...: in the root; as alice: with her home.
within() { chroot "$ROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"; }
as_alice() { within su -s /bin/sh alice -c "cd; PATH=\$HOME/.local/bin:\$PATH; $1"; }

# works COMMAND OPTIONS: a mount is made, written, unmounted and made again, by the user that COMMAND acts as.
works() {
    local as=$1 where=$2 word
    word=package-$RANDOM
    $as "mkdir -p $where && osirisfs mount --endpoint $OSIRISFS_RGW_ENDPOINT --token-file ~/token um-test $where &&
        echo $word >$where/$as && osirisfs umount $where &&
        osirisfs mount --endpoint $OSIRISFS_RGW_ENDPOINT --token-file ~/token um-test $where &&
        grep -q $word $where/$as && osirisfs status --json $where | grep -q um-test && osirisfs umount $where"
}
as_root_within() { within sh -c "$1"; }

check_deb() {
    ok "$1, deb: dpkg -i" within sh -c "dpkg -i /root/${2##*/}"
    ok "$1, deb: it mounts for root" works as_root_within /mnt/deb
    ok "$1, deb: it mounts for a user" works as_alice deb
    ok "$1, deb: updatedb leaves it alone" grep -q 'PRUNEFS="NFS proc fuse.osirisfs"' "$ROOT/etc/updatedb.conf"
    ok "$1, deb: dpkg -P" within dpkg -P osirisfs
    ok "$1, deb: nothing is left" gone "$ROOT/usr/bin/osirisfs" "$ROOT/sbin/mount.osirisfs" "$ROOT/etc/osirisfs.conf"
    ok "$1, deb: updatedb.conf is as it was" grep -qx 'PRUNEFS="NFS proc"' "$ROOT/etc/updatedb.conf"
}

# By the host's rpm, which runs the scripts in the root.
check_rpm() {
    local -a rpm=(rpm --root "$ROOT" --dbpath /var/lib/rpm)
    mkdir -p "$ROOT/var/lib/rpm"
    ok "$1, rpm: rpm -i" "${rpm[@]}" -i --nodeps --nosignature "$2"
    ok "$1, rpm: helper of mount(8)" test -x "$ROOT/usr/sbin/mount.osirisfs"
    ok "$1, rpm: it mounts" works as_root_within /mnt/rpm
    ok "$1, rpm: updatedb leaves it alone" grep -q 'PRUNEFS="NFS proc fuse.osirisfs"' "$ROOT/etc/updatedb.conf"
    ok "$1, rpm: rpm -e" "${rpm[@]}" -e --nodeps osirisfs
    ok "$1, rpm: nothing is left" gone "$ROOT/usr/bin/osirisfs" "$ROOT/usr/sbin/mount.osirisfs"
    ok "$1, rpm: updatedb.conf is as it was" grep -qx 'PRUNEFS="NFS proc"' "$ROOT/etc/updatedb.conf"
}

check_tar() {
    ok "$1, tar: install.sh without root" as_alice "/srv/osirisfs/install.sh"
    ok "$1, tar: it is in ~/.local/bin" says '/home/alice/.local/bin/osirisfs' as_alice "command -v osirisfs"
    ok "$1, tar: it mounts for a user" works as_alice tar
    ok "$1, tar: her unit names her program" \
        grep -q '^ExecStart=/home/alice/.local/bin/osirisfs ' "$ROOT/home/alice/.local/share/systemd/user/osirisfs@.service"
    ok "$1, tar: install.sh --remove" as_alice "/srv/osirisfs/install.sh --remove"
    ok "$1, tar: nothing is left" not says . as_alice "find .local -type f"
    ok "$1, tar: install.sh for all" within env PREFIX=/usr/local /srv/osirisfs/install.sh
    ok "$1, tar: mount -t osirisfs" within sh -c "mount -t osirisfs -o token_file=/root/token,endpoint=$OSIRISFS_RGW_ENDPOINT \
        um-test /opt && umount /opt"
    ok "$1, tar: install.sh --remove for all" within env PREFIX=/usr/local /srv/osirisfs/install.sh --remove
    ok "$1, tar: no helper is left" gone "$ROOT/sbin/mount.osirisfs"
}
