#!/bin/sh
# Installs the pinned PyTorch that train_reference.py needs into .build/references, from whichever index pip is set up with. The
# usual one brings CUDA along (several GB); an index of processor-only wheels (200 MB) can be named in PIP_INDEX_URL.
set -e
cd "$(dirname "$0")/../../.."
venv=.build/references
test -x "$venv/bin/python" || python3 -m venv "$venv"
packages='numpy==2.2.6 torch==2.9.1'
"$venv/bin/python" -c 'import torch' 2>/dev/null && exit 0
"$venv/bin/pip" install -q $packages
