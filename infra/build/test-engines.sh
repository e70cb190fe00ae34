#!/bin/sh
# Gives the integration tests what npm cannot: a JDK and Maven (they start a real Kafka) and Chromium (the browser test).
# As root on Debian they are installed through apt when missing; otherwise this says what to install and lets the tests
# that need them speak for themselves.
set -eu

missing=
command -v java >/dev/null 2>&1 || missing="$missing openjdk-17-jdk-headless"
command -v mvn >/dev/null 2>&1 || missing="$missing maven"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
  command -v google-chrome >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "for the integration tests, install:$missing (as root on Debian: apt-get install$missing)" >&2
  exit 0
fi
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# One package that cannot be had must not keep the others out.
apt-get update -qq >&2 || echo "apt-get update failed; going on with the lists at hand" >&2
for package in $missing; do
  apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
    echo "apt-get install $package failed: tests that need it will say so" >&2
done
