#!/usr/bin/env bash
# Prints trainer.lock for a worker program: canonical JSON with its SHA-256 and the numerics profiles that it implements.
set -euo pipefail
digest=$(sha256sum "$1" | cut -d' ' -f1)
printf '{"kind":"sealwright/trainer-lock/v1","profiles":["bf16-amx","bf16-dp","fp32-ref"],"worker":"%s"}' "$digest"
