#!/usr/bin/env bash
# Deploys this project from CI, and fails unless doctor says "Setup OK". The keys come from CI's secret store, as
# environment variables: the five below, and each further secret that s.yaml names. No key is on a command line.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in ALIBABA_CLOUD_ACCOUNT_ID ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET HW_AK HW_SK; do
  [ -n "${!name:-}" ] || { echo "$name is empty: set it in the secret store of CI" >&2; exit 2; }
done

# The version with which this template was tested.
command -v s >/dev/null || npm install --global @serverless-devs/s@3.1.10

# The tool deploys with these three, whatever access s.yaml names.
export AccountID="$ALIBABA_CLOUD_ACCOUNT_ID" AccessKeyID="$ALIBABA_CLOUD_ACCESS_KEY_ID" \
  AccessKeySecret="$ALIBABA_CLOUD_ACCESS_KEY_SECRET"

python3 ops.py secrets
s deploy -y
python3 ops.py doctor
