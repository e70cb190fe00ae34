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

# The stamp names the version, so that a newer pin replaces an older Node.
node_stamp=.tooling/node-version
if [ ! -x "$node_bin/node" ] || [ "$(cat "$node_stamp" 2>/dev/null || true)" != "$node_version" ]; then
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
if ! cmp -s package-lock.json "$lock_stamp"; then
  need_npm
  echo "installing the locked packages" >&2
  npm ci --no-fund --no-audit --loglevel=error >&2
  cp package-lock.json "$lock_stamp"
fi

kernel_stamp=.build/kernels-built
stale=
[ -f "$kernel_stamp" ] || stale=yes
[ -n "$stale" ] || stale=$(find streams trainers serving infra/build/kernels.ts -newer "$kernel_stamp" \
  \( -path '*/kernel/*.ts' -o -name kernels.ts \) -print 2>/dev/null | head -n 1)
if [ -n "$stale" ]; then
  echo "building the WebAssembly kernels" >&2
  npm run --silent build >&2
  mkdir -p .build
  : >"$kernel_stamp"
fi
