#!/bin/sh
# Makes a fresh clone ready to run: Node in .tooling, the locked packages, the WebAssembly kernels. Needs any Node >= 18
# with npm. Says nothing and takes milliseconds when all is there. Other scripts source nothing from it: they run it.
set -eu

node_version=24.21.0
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
cd "$root"
node_bin=$root/.tooling/node_modules/node/bin

need_npm() {
  command -v npm >/dev/null 2>&1 && return 0
  echo "freshet needs npm (with any Node >= 18) to fetch Node $node_version: on Debian, apt-get install npm" >&2
  exit 1
}

# Two commands started at once must not install over each other: the second waits for the first, and takes over where the
# first was killed. A folder is made by one of them only.
install_lock=.bootstrap-lock
has_lock=
take_lock() {
  [ -z "$has_lock" ] || return 0
  while ! mkdir "$install_lock" 2>/dev/null; do
    holder=$(cat "$install_lock/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$install_lock"; else sleep 0.2; fi
  done
  echo $$ >"$install_lock/pid"
  has_lock=yes
  trap 'rm -rf "$install_lock"' EXIT INT TERM
}

# The stamp names the version, so that a newer pin replaces an older Node.
node_stamp=.tooling/node-version
needs_node() {
  [ ! -x "$node_bin/node" ] || [ "$(cat "$node_stamp" 2>/dev/null || true)" != "$node_version" ]
}
if needs_node; then take_lock; fi
if needs_node; then
  need_npm
  mkdir -p .tooling
  if [ "$("$node_bin/node" --version 2>/dev/null || true)" != "v$node_version" ]; then
    echo "fetching Node $node_version into .tooling" >&2
    # npm looks upwards for a package.json: without one of its own, --prefix .tooling would still be ours, but warn.
    [ -f .tooling/package.json ] || echo '{ "private": true }' >.tooling/package.json
    npm i --prefix .tooling --save-exact --no-fund --no-audit --loglevel=error "node@$node_version" >&2
  fi
  if [ "$("$node_bin/node" --version 2>/dev/null || true)" != "v$node_version" ]; then
    echo "npm did not install a working Node $node_version: remove .tooling and try again without ignore-scripts" >&2
    exit 1
  fi
  echo "$node_version" >"$node_stamp"
fi
PATH=$node_bin:$PATH
export PATH

# A copy of the lockfile beside what it installed: content decides, not times, so switching branches costs nothing.
lock_stamp=node_modules/.installed-lock.json
needs_packages() { ! cmp -s package-lock.json "$lock_stamp"; }
if needs_packages; then take_lock; fi
if needs_packages; then
  need_npm
  echo "installing the locked packages" >&2
  npm ci --no-fund --no-audit --loglevel=error >&2
  cp package-lock.json "$lock_stamp"
fi

kernel_stamp=.build/kernels-built
needs_kernels() {
  [ ! -f "$kernel_stamp" ] || [ -n "$(find streams trainers serving infra/build/kernels.ts -newer "$kernel_stamp" \
    \( -path '*/kernel/*.ts' -o -name kernels.ts \) -print 2>/dev/null | head -n 1)" ]
}
if needs_kernels; then take_lock; fi
if needs_kernels; then
  echo "building the WebAssembly kernels" >&2
  npm run --silent build >&2
  mkdir -p .build
  : >"$kernel_stamp"
fi
