for name in mount umount; do
    ln -sf ../bin/osirisfs "/usr/sbin/$name.osirisfs"
    ln -sf ../bin/osirisfs "/usr/sbin/$name.fuse.osirisfs"
done
conf=/etc/updatedb.conf
if [ -f "$conf" ] && ! grep -q '^[[:space:]]*PRUNEFS *=.*fuse\.osirisfs' "$conf"; then
    sed -i 's/^\([[:space:]]*PRUNEFS *= *"[^"]*\)"/\1 fuse.osirisfs"/' "$conf"
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
