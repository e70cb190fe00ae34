#!/bin/sh
# Installs what the programs beside this file need into .build/references, pinned, from whichever index pip is set up with: PyTorch
# and LightGBM. The usual index brings CUDA along (several GB); an index of processor-only wheels (200 MB) can be named in
# PIP_INDEX_URL, then LightGBM comes from PIP_EXTRA_INDEX_URL.
set -e
cd "$(dirname "$0")/../../.."
venv=.build/references
test -x "$venv/bin/python" || python3 -m venv "$venv"
packages='numpy==2.2.6 scipy==1.17.1 torch==2.9.1 lightgbm==4.6.0'
"$venv/bin/python" -c 'import lightgbm, torch' 2>/dev/null && exit 0
"$venv/bin/pip" install -q $packages
