# For the scripts beside it: fresh Debian systems in directories. To be sourced; needs root, debootstrap and
# util-linux. The mirror is the one that this machine's apt is configured for. Base systems are kept in
# $PTD_CHROOTS (default: pyt-diff-chroots in the directory for temporary files); delete them to start anew.

chroots=${PTD_CHROOTS:-${TMPDIR:-/tmp}/pyt-diff-chroots}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# lines "URI SUITE" of this machine's apt, for Debian itself
debian_sources() {
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(CODENAME)' 'Created-By: Packages' |
        awk '$1 == "Debian" { print $2, $NF }' | sort -u
}
debian_mirror() {
    debian_sources | awk '$2 !~ /-/ { print $1; exit }'
}

# base SUITE: makes the base system of a release when it is not there yet
base() {
    [ "$(id -u)" -eq 0 ] || fail 'chroots need root'
    [ ! -e "$chroots/$1/.complete" ] || return 0
    command -v debootstrap >/dev/null || fail 'debootstrap is missing'
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || fail "apt of this machine has no source for Debian (try 'apt-get update')"
    mkdir -p "$chroots"
    rm -rf "${chroots:?}/$1"
    debootstrap --variant=minbase "$1" "$chroots/$1" "$mirror" >"$chroots/$1.log" 2>&1 || {
        tail -n 20 "$chroots/$1.log" >&2
        fail "debootstrap $1 failed"
    }
    # its updates from where this machine has its own, and what apt needs to get there
    debian_sources | awk -v suite="$1" '{ sub(/^[a-z]+/, suite, $2); print "deb", $1, $2, "main" }' \
        >"$chroots/$1/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(http|https)::' >"$chroots/$1/etc/apt/apt.conf.d/00machine" || :
    touch "$chroots/$1/.complete"
}

# fresh SUITE NAME: a copy of the base system; prints its directory
fresh() {
    base "$1"
    root=$chroots/$1.$2
    rm -rf "$root"
    cp -a "$chroots/$1" "$root"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    printf '%s\n' "$root"
}

# inside ROOT COMMAND...: runs it there; its processes and mounts end with it
inside() {
    root=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child sh -euc '
        root=$1
        shift
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || :
        exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    ' sh "$root" "$@" </dev/null
}

# install_in ROOT PACKAGE...
install_in() {
    root=$1
    shift
    inside "$root" apt-get -q update >"$root.apt.log" 2>&1 &&
        inside "$root" apt-get -q install -y --no-install-recommends "$@" >>"$root.apt.log" 2>&1 || {
        tail -n 20 "$root.apt.log" >&2
        fail "apt-get could not install $* in $root"
    }
}
