# shellcheck shell=bash
# Brings what a script needs and the machine may not have. Sourced after common.sh.

# need_apt PKG...: installs the Debian packages that are missing.
need_apt() {
    local pkg missing=()
    for pkg in "$@"; do
        apt_has "$pkg" || missing+=("$pkg")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "missing, and this is not Debian: ${missing[*]}"
    say "installing ${missing[*]}"
    # A subshell, so that its trap is not the caller's.
    (
        trap allow_services EXIT
        forbid_services
        # The lists are fetched only when an install with the present ones fails: that is the slow part.
        apt_get install -y --no-install-recommends "${missing[@]}" || {
            apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"
        }
    ) || {
        tail -n 20 "$STATE/apt.log" >&2
        die "apt-get could not install ${missing[*]} (all of its output: $STATE/apt.log)"
    }
}

apt_has() { [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]; }

# One apt-get at a time: its lock on the lists has no waiting option of its own.
apt_get() {
    mkdir -p "$STATE"
    as_root flock -o "$STATE/apt.lock" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@" >>"$STATE/apt.log" 2>&1 </dev/null
}

# Debian starts a service when its package is installed. Tests want the program, never a slapd for the whole machine.
# policy-rc.d is Debian's way to forbid it; one that is there already stays as it is.
POLICY=/usr/sbin/policy-rc.d
POLICY_MARK='# for the time of an install by osirisfs scripts'
forbid_services() {
    [[ -e $POLICY ]] || printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | as_root install -m 755 /dev/stdin "$POLICY"
    # Nor an LDAP database in /var/lib/ldap.
    echo 'slapd slapd/no_configuration boolean true' | as_root debconf-set-selections
}
allow_services() {
    if grep -qsxF "$POLICY_MARK" "$POLICY"; then as_root rm -f "$POLICY"; fi
}

# need_cargo: checks for a cargo that can build this package. It installs none, because the user's way (rustup, a
# distribution, a module system) is the user's choice.
need_cargo() {
    local want have
    want=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$REPO/Cargo.toml")
    command -v cargo >/dev/null ||
        die "cargo is missing: install Rust $want or newer, for example as https://rustup.rs says"
    # A rustup proxy may start to download a toolchain when it is asked for a version: not from here.
    have=$(RUSTUP_AUTO_INSTALL=0 cargo --version 2>/dev/null | cut -d' ' -f2) || true
    [[ -n $have ]] || die "cargo does not run: install Rust $want or newer, for example by 'rustup default stable'"
    [[ $(printf '%s\n' "$want" "${have%%-*}" | sort -V | head -n 1) == "$want" ]] ||
        die "cargo is $have, but $want or newer is needed, for example by 'rustup update stable'"
    # Crates with C inside (ring) need a C compiler.
    command -v cc >/dev/null || need_apt gcc libc6-dev
}

# need_cargo_install CRATE@VERSION...: tools from crates.io, kept in the state folder; prints nothing.
need_cargo_install() {
    local spec
    need_cargo
    for spec in "$@"; do
        [[ -x $STATE/cargo/bin/${spec%@*} && -e $STATE/cargo/$spec.done ]] && continue
        say "cargo install $spec"
        mkdir -p "$STATE/cargo"
        # scripts/test lints what cargo builds, but not this. Quick to build rather than quick: they run for seconds.
        env -u RUSTC_WORKSPACE_WRAPPER CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked --root "$STATE/cargo" "$spec" >"$STATE/cargo/${spec%@*}.log" 2>&1 || {
            tail -n 20 "$STATE/cargo/${spec%@*}.log" >&2
            die "cargo install $spec failed"
        }
        touch "$STATE/cargo/$spec.done"
    done
    PATH=$STATE/cargo/bin:$PATH
}

# need_pip PKG...: Python packages in a virtual environment of our own; the system's Python is not touched.
# Sets PYTHON to that environment's interpreter.
need_pip() {
    local pkg missing=()
    PYTHON=$STATE/venv/bin/python
    need_apt python3 python3-venv
    [[ -x $PYTHON ]] || /usr/bin/python3 -m venv "$STATE/venv"
    for pkg in "$@"; do
        "$PYTHON" -c "import importlib.metadata as m; m.version('$pkg')" 2>/dev/null || missing+=("$pkg")
    done
    ((${#missing[@]})) || return 0
    say "pip install ${missing[*]}"
    "$PYTHON" -m pip install --quiet "${missing[@]}" || die "pip could not install ${missing[*]}"
}
