#!/bin/sh
# Installs the pinned PyTorch that train_reference.py needs into .build/references. The processor-only wheel where its index can be
# reached (200 MB), else the one of PyPI, which brings CUDA along (several GB).
set -e
cd "$(dirname "$0")/../../.."
venv=.build/references
test -x "$venv/bin/python" || python3 -m venv "$venv"
packages='numpy==2.2.6 torch==2.9.1'
"$venv/bin/python" -c 'import torch' 2>/dev/null && exit 0
"$venv/bin/pip" install -q --retries 0 --extra-index-url https://pypi.org/simple \
  --index-url https://download.pytorch.org/whl/cpu $packages || "$venv/bin/pip" install -q $packages
