#!/bin/sh
# Installs osirisfs from this folder: without root below ~/.local, or where PREFIX says.
#   ./install.sh                         for yourself
#   sudo PREFIX=/usr/local ./install.sh  for all, with mount(8)'s helper
# Take it out again with --remove.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-$HOME/.local}

# FROM TO: a file of this folder and its place below the prefix.
files() {
    echo osirisfs bin/osirisfs
    for page in "$here"/man/*; do
        name=${page##*/}
        echo "man/$name" "share/man/man${name##*.}/$name"
    done
    echo completions/osirisfs.bash share/bash-completion/completions/osirisfs
    echo completions/_osirisfs share/zsh/site-functions/_osirisfs
    echo completions/osirisfs.fish share/fish/vendor_completions.d/osirisfs.fish
}

# The user's units name /usr/bin/osirisfs.
units=$prefix/share/systemd/user
helpers='mount.osirisfs mount.fuse.osirisfs umount.osirisfs umount.fuse.osirisfs'

if [ "${1:-}" = --remove ]; then
    files | while read -r _ to; do rm -f "$prefix/$to"; done
    rm -f "$units/osirisfs@.service"
    if [ "$(id -u)" = 0 ]; then for name in $helpers; do rm -f "/sbin/$name"; done; fi
    echo "osirisfs is removed from $prefix"
    exit
fi

files | while read -r from to; do
    mkdir -p "$prefix/$(dirname "$to")"
    cp "$here/$from" "$prefix/$to"
done
chmod 755 "$prefix/bin/osirisfs"
mkdir -p "$units"
sed "s#/usr/bin/osirisfs#$prefix/bin/osirisfs#" "$here/osirisfs@.service" >"$units/osirisfs@.service"
if [ "$(id -u)" = 0 ]; then
    for name in $helpers; do ln -sf "$prefix/bin/osirisfs" "/sbin/$name"; done
fi

echo "$("$prefix/bin/osirisfs" --version) is installed in $prefix/bin"
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) echo "add it to your PATH: export PATH=$prefix/bin:\$PATH" ;;
esac
command -v fusermount3 >/dev/null || [ "$(id -u)" = 0 ] ||
    echo "fusermount3 is missing: ask the administrator to install the package fuse3"
