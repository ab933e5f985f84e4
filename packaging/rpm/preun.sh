if [ "$1" = 0 ]; then
    if [ -d /run/systemd/system ]; then systemctl stop 'osirisfs@*.service' || :; fi
    rm -f /usr/sbin/mount.osirisfs /usr/sbin/mount.fuse.osirisfs /usr/sbin/umount.osirisfs /usr/sbin/umount.fuse.osirisfs
    if [ -f /etc/updatedb.conf ]; then sed -i '/^[[:space:]]*PRUNEFS *=/s/ *fuse\.osirisfs//' /etc/updatedb.conf; fi
fi
