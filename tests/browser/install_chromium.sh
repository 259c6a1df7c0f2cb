#!/bin/sh
# Put a Chromium (and graphviz' dot) on this machine where its package manager can, else say what to do.
set -eu
have() { command -v "$1" >/dev/null 2>&1; }
browser() { [ -n "${JOBKERNEL_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome; }
if browser && have dot; then exit 0; fi
if have apt-get && [ "$(id -u)" = 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium graphviz fonts-dejavu-core >/dev/null
elif have apt-get && have sudo && sudo -n true 2>/dev/null; then
  sudo apt-get update -qq
  sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium graphviz fonts-dejavu-core >/dev/null
elif have brew; then
  brew install graphviz
  browser || brew install --cask chromium
fi
browser || echo "No Chromium was found or could be installed: the browser tests will be skipped. Set JOBKERNEL_CHROMIUM to a browser." >&2
