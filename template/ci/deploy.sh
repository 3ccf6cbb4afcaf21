#!/usr/bin/env bash
# Deploys this project from CI, and fails unless doctor then finds all well. CI's secret store gives the keys by the
# environment: the five variables below, and ALERT_WEBHOOK if s.yaml names it. They end in the Serverless Devs tool's
# store on this machine, for CI alone.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in ALIBABA_CLOUD_ACCOUNT_ID ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET HW_AK HW_SK; do
  [ -n "${!name:-}" ] || { echo "$name is empty: set it in the secret store of CI" >&2; exit 2; }
done

command -v s >/dev/null || npm install --global @serverless-devs/s@3

# Under which names s.yaml looks for the keys.
access=$(sed -n 's/^access: *"\{0,1\}\([^"# ]*\).*$/\1/p' s.yaml | tr -d '\r')
[ -n "$access" ] || { echo "s.yaml says no access: it names the key to deploy with" >&2; exit 2; }
s config add --AccountID "$ALIBABA_CLOUD_ACCOUNT_ID" --AccessKeyID "$ALIBABA_CLOUD_ACCESS_KEY_ID" \
  --AccessKeySecret "$ALIBABA_CLOUD_ACCESS_KEY_SECRET" -a "$access" -f >/dev/null
# The webhook only if s.yaml names it: else nobody is told of alarms.
for name in HW_AK HW_SK ALERT_WEBHOOK; do
  key=$(sed -n "s/^  $name: .*secret('\([^']*\)').*$/\1/p" s.yaml)
  [ -n "$key" ] || [ "$name" != ALERT_WEBHOOK ] || continue
  [ -n "$key" ] || { echo "s.yaml says no $name: \${secret('...')} under vars" >&2; exit 2; }
  [ -n "${!name:-}" ] || { echo "$name is empty: set it in the secret store of CI" >&2; exit 2; }
  s secret add --key "$key" --value "${!name}" --force
done

s deploy -y
python3 ops.py doctor
