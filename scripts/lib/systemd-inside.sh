#!/usr/bin/env bash
# What scripts/systemd-test does inside the booted container: one function a part; each check is a line "ok ..." or
# "FAILED ...".
set -uo pipefail
export LC_ALL=C
# shellcheck source=/dev/null
. /root/service
BUCKET=um-test

# shellcheck source=/dev/null
. /root/common.sh
# shellcheck source=/dev/null
. /root/documented.sh
has() { [[ $(cat "$2") == "$1" ]]; }
put() { printf '%s' "$1" >"$2"; }
type_of() { [[ $(findmnt -no FSTYPE "$1") == "$2" ]]; }
main_pid() { systemctl show -P MainPID "$1"; }
# The daemon of a mount, by its control socket.
daemon_of() { osirisfs status --json "$1" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p'; }
nothing_mounted() { not grep ' fuse.osirisfs ' /proc/self/mounts; }
# Ended; systemd may not have fetched it yet.
dead() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    [[ ${stat##*) } == [ZX]* ]]
}
daemon_gone() { ! pgrep -x osirisfs >/dev/null; }

package() {
    check "dpkg -i" dpkg -i /root/packages/*.deb
    check "it runs" osirisfs --version
    check "helpers of mount(8)" test -x /sbin/mount.osirisfs -a -x /sbin/umount.fuse.osirisfs
    for page in osirisfs.1 osirisfs-mount.1 mount.osirisfs.8 umount.osirisfs.8 osirisfs.conf.5; do
        check "man page $page" test -s "/usr/share/man/man${page##*.}/$page.gz"
    done
    check "updatedb leaves buckets alone" grep -q '^PRUNEFS=.*fuse.osirisfs"' /etc/updatedb.conf
    check "completion of bash" bash -c '. /usr/share/bash-completion/completions/osirisfs && complete -p osirisfs'
    check "units are known" bash -c 'systemctl cat osirisfs@x | grep -q Type=notify'
    check "a second dpkg -i" dpkg -i /root/packages/*.deb
    check "PRUNEFS once" test "$(grep -o 'fuse\.osirisfs' /etc/updatedb.conf | wc -l)" = 1
    install -d -m 700 /etc/osirisfs
    put "$TOKEN" "/etc/osirisfs/$BUCKET.token" && chmod 600 "/etc/osirisfs/$BUCKET.token"
    # What everybody would say again and again.
    printf 'endpoint = "%s"\n' "$ENDPOINT" >/etc/osirisfs.conf
    mkdir -p /mnt/fstab /mnt/auto /mnt/unit /mnt/old
    check "doctor" osirisfs doctor "$BUCKET" -o "token_file=/etc/osirisfs/$BUCKET.token"
}

fstab() {
    echo "$BUCKET/a /mnt/fstab osirisfs token_file=/etc/osirisfs/$BUCKET.token,_netdev,nofail 0 0" >>/etc/fstab
    systemctl daemon-reload
    check "mount by fstab" mount /mnt/fstab
    check "type" type_of /mnt/fstab fuse.osirisfs
    check "write" put one /mnt/fstab/f
    local pid
    pid=$(daemon_of /mnt/fstab)
    check "mount -a again does nothing" mount -a
    check "still the same daemon" test "$(daemon_of /mnt/fstab)" = "$pid"
    check "remount read-only" mount -o remount,ro /mnt/fstab
    check "is read-only" not put two /mnt/fstab/f
    check "umount waits for the daemon" umount /mnt/fstab
    check "the daemon has ended" dead "$pid"
    check "mount -t fuse.osirisfs" mount -t fuse.osirisfs -o "ro,token_file=/etc/osirisfs/$BUCKET.token" "$BUCKET/a" /mnt/fstab
    check "read" has one /mnt/fstab/f
    pid=$(daemon_of /mnt/fstab)
    kill -KILL "$pid"
    soon 10 dead "$pid"
    check "a dead mount says so" not ls /mnt/fstab
    check "mount over the dead mount" mount /mnt/fstab
    check "read again" has one /mnt/fstab/f
    check "umount" umount /mnt/fstab
    check "unknown option" not mount -t osirisfs -o cache_sise=1 "$BUCKET" /mnt/fstab
    check "fstab of s3fs" bash -c "echo 's3fs#$BUCKET:/a /mnt/old fuse _netdev,url=$ENDPOINT,passwd_file=/etc/osirisfs/$BUCKET.token 0 0' |
        osirisfs fstab --from-s3fs - | grep -v '^#' >>/etc/fstab && mount /mnt/old && test \$(cat /mnt/old/f) = one && umount /mnt/old"
    sed -i '/mnt.old/d' /etc/fstab
}

automount() {
    echo "$BUCKET/a /mnt/auto osirisfs token_file=/etc/osirisfs/$BUCKET.token,_netdev,nofail,x-systemd.automount,x-systemd.idle-timeout=2 0 0" >>/etc/fstab
    systemctl daemon-reload
    check "start the automount" systemctl start mnt-auto.automount
    check "not mounted yet" not systemctl -q is-active mnt-auto.mount
    check "mounted when somebody looks" has one /mnt/auto/f
    check "unmounted when nobody does" soon 20 not systemctl -q is-active mnt-auto.mount
    check "mounted again" has one /mnt/auto/f
}

mount_unit() {
    check "osirisfs unit writes it" osirisfs unit "$BUCKET/a" /mnt/unit -o "token_file=/etc/osirisfs/$BUCKET.token" --write /etc/systemd/system
    systemctl daemon-reload
    check "start" systemctl start mnt-unit.mount
    check "write" put unit /mnt/unit/u
    local pid
    pid=$(daemon_of /mnt/unit)
    kill -KILL "$pid"
    soon 10 dead "$pid"
    check "restart heals a dead mount" systemctl restart mnt-unit.mount
    check "read" has unit /mnt/unit/u
    pid=$(daemon_of /mnt/unit)
    # Attributes are stored a second after they changed: now they are pending.
    chmod 640 /mnt/unit/u
    check "stop" systemctl stop mnt-unit.mount
    check "the daemon has ended" dead "$pid"
    systemctl start mnt-unit.mount
    check "what was pending is stored" test "$(stat -c %a /mnt/unit/u)" = 640
    systemctl stop mnt-unit.mount
}

service() {
    local unit=osirisfs@$BUCKET place=/osiris/$BUCKET pid
    check "enable and start" systemctl enable --now "$unit"
    check "visible outside the service" type_of "$place" fuse.osirisfs
    check "write" put service "$place/s"
    check "its status" bash -c "systemctl show -P StatusText $unit | grep -q 'everything is stored'"
    check "reload" systemctl reload "$unit"
    check "still there" has service "$place/s"
    check "log in the journal" soon 10 bash -c "journalctl -u $unit | grep -q 'is mounted on'"
    pid=$(main_pid "$unit")
    kill -KILL "$pid"
    check "started again after a crash" soon 40 has service "$place/s"
    check "by another process" not test "$(main_pid "$unit")" = "$pid"
    # A program is writing while the service is stopped: it is waited for, and nothing is lost.
    dd if=/dev/zero of="$place/big" bs=1M count=200 status=none &
    local writer=$!
    soon 10 test -s "$place/big"
    check "stop with an upload pending" systemctl stop "$unit"
    local code=0
    wait "$writer" || code=$?
    check "the writer had no error" test "$code" = 0
    check "nothing is mounted" soon 10 nothing_mounted
    systemctl start "$unit"
    check "all of it is stored" test "$(stat -c %s "$place/big")" = $((200 << 20))
    rm -f "$place/big"
    check "stop" systemctl stop "$unit"
    check "not failed" not systemctl -q is-failed "$unit"
}

# as_alice COMMAND: by an ordinary user with a session.
as_alice() { su -s /bin/bash alice -c "cd; export XDG_RUNTIME_DIR=/run/user/\$(id -u); $1"; }

kill_hers() {
    local pid
    pid=$(as_alice "osirisfs status --json data" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
    kill -KILL "$pid"
    soon 10 dead "$pid"
}

ordinary_user() {
    useradd -m alice
    install -d -o alice -g alice -m 700 /home/alice/.config /home/alice/.config/osirisfs
    put "$TOKEN" "/home/alice/.config/osirisfs/$BUCKET.token"
    chown alice: "/home/alice/.config/osirisfs/$BUCKET.token"
    chmod 600 "/home/alice/.config/osirisfs/$BUCKET.token"
    as_alice "mkdir -p data; echo 'token_file = \"~/.config/osirisfs/$BUCKET.token\"' >.config/osirisfs/config.toml"
    check "mount by fusermount3" as_alice "osirisfs mount $BUCKET/a data"
    check "write and read" as_alice "echo mine >data/m && grep -q mine data/m"
    check "root may not look" not ls /home/alice/data
    check "allow_other needs consent" as_alice "mkdir -p other; osirisfs mount -o allow_other $BUCKET other 2>&1 | grep -q user_allow_other"
    check "list" as_alice "osirisfs list | grep -q '/home/alice/data *alice *ok'"
    check "another may not unmount it" not su -s /bin/bash daemon -c "osirisfs umount /home/alice/data"
    check "umount" as_alice "osirisfs umount data"
    check "run" as_alice "osirisfs run $BUCKET/a -- grep -q mine {}/m || osirisfs run $BUCKET/a -- sh -c 'grep -q mine \$OSIRISFS_MOUNT/m'"
    cp /etc/fstab /root/fstab
    echo "$BUCKET/a /home/alice/data osirisfs user,noauto,token_file=/home/alice/.config/osirisfs/$BUCKET.token 0 0" >>/etc/fstab
    check "a line of fstab for users" as_alice "mount data && grep -q mine data/m && osirisfs umount data"
    mv /root/fstab /etc/fstab && systemctl daemon-reload
    as_alice "osirisfs mount $BUCKET/a data"
    kill_hers
    check "alice mounts over her dead mount" as_alice "osirisfs mount $BUCKET/a data && grep -q mine data/m"
    kill_hers
    check "root clears another's dead mount" bash -c "osirisfs umount /home/alice/data 2>&1 | grep -q 'had died'"
    check "nothing is left of it" soon 10 nothing_mounted
}

user_unit() {
    check "alice's systemd" systemctl start "user@$(id -u alice).service"
    check "start her unit" as_alice "systemctl --user enable --now osirisfs@$BUCKET"
    check "write" as_alice "echo hers >osiris/$BUCKET/h"
    local pid
    pid=$(as_alice "systemctl --user show -P MainPID osirisfs@$BUCKET")
    kill -KILL "$pid"
    check "started again after a crash" soon 40 as_alice "grep -q hers osiris/$BUCKET/h"
    check "stop" as_alice "systemctl --user stop osirisfs@$BUCKET"
    check "nothing is mounted" soon 10 nothing_mounted
    check "osirisfs unit --user" as_alice "mkdir -p .config/systemd/user && osirisfs unit --user $BUCKET/a data --write .config/systemd/user &&
        systemctl --user daemon-reload && systemctl --user start osirisfs-home-alice-data && grep -q mine data/m &&
        systemctl --user stop osirisfs-home-alice-data"
    as_alice "systemctl --user disable osirisfs@$BUCKET" 2>/dev/null
}

# /mnt/fstab and the service are to be mounted at the next boot, /mnt/auto on demand.
prepare_reboot() {
    systemctl stop mnt-auto.automount mnt-auto.mount
    check "no daemon is left" soon 20 daemon_gone
}

boot_without_service() {
    check "the boot was not held" systemctl -q is-active multi-user.target
    check "nothing is mounted" soon 10 nothing_mounted
    check "the automount waits" systemctl -q is-active mnt-auto.automount
}

service_comes_later() {
    check "the service is mounted by itself" soon 60 has service "/osiris/$BUCKET/s"
    check "the automount works" soon 30 has one /mnt/auto/f
    check "the line of fstab works" soon 30 bash -c 'systemctl reset-failed mnt-fstab.mount; mount /mnt/fstab; grep -q one /mnt/fstab/f'
}

purge() {
    umount /mnt/fstab
    systemctl stop mnt-auto.automount mnt-auto.mount
    check "remove" dpkg -r osirisfs
    check "its services have ended" soon 10 nothing_mounted
    check "no daemon is left" soon 20 daemon_gone
    check "the configuration stays" test -e /etc/osirisfs.conf
    check "purge" dpkg -P osirisfs
    check "the configuration is gone" not test -e /etc/osirisfs.conf
    check "no service is wanted" not ls /etc/systemd/system/multi-user.target.wants/osirisfs@*
    check "updatedb.conf is as it was" not grep -q osirisfs /etc/updatedb.conf
    check "no program is left" not ls /usr/bin/osirisfs /sbin/mount.osirisfs /usr/share/man/man1/osirisfs.1.gz
}

"$1"
