# shellcheck shell=bash
# The clients that mount, each with the options that its users are told to take. Uses WORK, CLIENT and OSIRISFS_RGW_*.

need_client() {
    case $1 in
    raw) need_apt curl python3 ;;
    osirisfs) need_binary ;;
    s3fs | rclone) need_apt fuse3 "$1" ;;
    *) die "unknown client $1" ;;
    esac
}

client_version() {
    case $1 in
    raw) curl --version | sed -n '1s/curl \([^ ]*\).*/curl \1/p' ;;
    osirisfs) "$BINARY" --version ;;
    s3fs) s3fs --version | sed -n '1s/.*V\([0-9.]*\).*/s3fs \1/p' ;;
    rclone) rclone version | sed -n '1s/ v\([0-9.]*\).*/ \1/p' ;;
    esac
}

osirisfs_mount() { mount_osirisfs "$OSIRISFS_RGW_BUCKET" "$MNT"; }

# s3fs takes no empty secret; the service ignores the secret of a token.
s3fs_mount() {
    (umask 077 && echo "$OSIRISFS_RGW_TOKEN_ALICE:none" >"$WORK/passwd-s3fs")
    s3fs "$OSIRISFS_RGW_BUCKET" "$MNT" \
        -o "url=$OSIRISFS_RGW_ENDPOINT,use_path_request_style,passwd_file=$WORK/passwd-s3fs"
    wait_for 30 mountpoint -q "$MNT"
}

# The cache is new with each mount. rclone 1.60 refuses to start where AWS_CA_BUNDLE is set.
rclone_mount() {
    rm -rf "$WORK/rclone"
    env -u AWS_CA_BUNDLE RCLONE_CONFIG=/dev/null \
        RCLONE_S3_ACCESS_KEY_ID="$OSIRISFS_RGW_TOKEN_ALICE" RCLONE_S3_SECRET_ACCESS_KEY=none \
        rclone mount ":s3:$OSIRISFS_RGW_BUCKET" "$MNT" --s3-provider Ceph --s3-endpoint "$OSIRISFS_RGW_ENDPOINT" \
        --vfs-cache-mode writes --vfs-write-back 0s --cache-dir "$WORK/rclone" --daemon
}

# Has the service got all? The others' close waits for that. rclone stores a file after its close has returned, even with
# a write-back time of 0, and notes in its cache which files are not stored yet.
osirisfs_settled() { true; }
s3fs_settled() { true; }
rclone_settled() { ! grep -rqs '"Dirty": true' "$WORK/rclone/vfsMeta"; }
settle() { wait_for 600 "${CLIENT}_settled"; }

# What a mount measures is the same for all of them.
mount_write_prepare() { mkdir -p "$MNT/$CLIENT"; }
mount_write() { dd if="$SOURCE" of="$MNT/$CLIENT/big" bs=1M conv=fsync status=none && settle; }
mount_read_prepare() { remount; }
mount_read() { dd if="$MNT/$CLIENT/big" of=/dev/null bs=1M status=none; }
mount_in_prepare() { rm -rf "$MNT/$CLIENT/small"; }
mount_in() { cp -r "$SMALL" "$MNT/$CLIENT/small" && settle; }
# Eight programs at once, each with its share of the files.
by_eight() { find "$1" -type f -print0 | xargs -0 -P 8 -n $(((SMALL_COUNT + 7) / 8)) cp -t "$2"; }
mount_in8_prepare() { rm -rf "$MNT/$CLIENT/eight" && mkdir "$MNT/$CLIENT/eight"; }
mount_in8() { by_eight "$SMALL" "$MNT/$CLIENT/eight" && settle; }
mount_in8_check() { diff -r "$SMALL" "$MNT/$CLIENT/eight"; }
mount_out_prepare() { rm -rf "$WORK/out" && remount; }
mount_out() { cp -r "$MNT/$CLIENT/small" "$WORK/out"; }
mount_out8_prepare() { mount_out_prepare && mkdir "$WORK/out"; }
mount_out8() { by_eight "$MNT/$CLIENT/small" "$WORK/out"; }
# Each write is followed by an fsync, which the kernel sends.
mount_log_prepare() { mkdir -p "$MNT/$CLIENT" && rm -f "$MNT/$CLIENT/log"; }
mount_log() {
    dd if="$SOURCE" of="$MNT/$CLIENT/log" bs=4096 count=100 oflag=append,dsync conv=notrunc status=none && settle
}
mount_list_prepare() { remount; }
mount_list() { ls -l "$MNT/many" >"$WORK/listing"; }

# After the clock: are the bytes right?
mount_read_check() { cmp "$SOURCE" "$MNT/$CLIENT/big"; }
mount_out8_check() { mount_out_check; }
mount_out_check() { diff -r "$SMALL" "$WORK/out"; }
mount_log_check() { head -c 409600 "$SOURCE" | cmp - "$MNT/$CLIENT/log"; }
mount_list_check() { [[ $(grep -c '^-' "$WORK/listing") -eq $LIST_COUNT ]]; }

# A new mount has nothing in its caches, and neither has the kernel for it.
remount() {
    unmount "$MNT"
    "${CLIENT}_mount"
}
