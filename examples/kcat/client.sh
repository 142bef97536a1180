#!/usr/bin/env bash
# Sends signals of one tenant, reads the tenant's rejections, and sends each rejected signal again after its retry delay.
# Needs only kcat. The tenant is the record's key (tenant.source=key).
#
#   client.sh BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]
set -euo pipefail
(($# >= 3 && $# <= 5)) || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
brokers=$1 tenant=$2 count=$3 signals=${4:-signals} quota_exceeded=${5:-quota-exceeded}
rounds_max=30 idle_s=5

# Start at the current end of the topic: rejections before it are of earlier runs. One line per partition.
next=$(mktemp)
trap 'rm -f "$next" "$next.new"' EXIT
kcat -b "$brokers" -L -t "$quota_exceeded" | sed -n 's/^ *partition \([0-9]*\),.*/\1/p' | while read -r partition; do
  offset=$(kcat -b "$brokers" -Q -t "$quota_exceeded:$partition:-1" | sed 's/.* offset \([0-9]*\)$/\1/')
  echo "$partition $offset"
done >"$next"

for ((i = 0; i < count; i++)); do echo "$tenant:{\"signal\":\"view\",\"item\":\"kcat-$i\"}"; done |
  kcat -b "$brokers" -P -t "$signals" -K: -X acks=all

resent=0 given_up=0 idle=0
for ((round = 0; round < rounds_max && idle < idle_s; round++)); do
  found=0
  while read -r partition offset; do
    # %o offset, %k key, %h headers as name=value,…, %s value. The value is last: it can contain anything except a line break.
    while IFS=$'\t' read -r at key headers value; do
      offset=$((at + 1))
      [[ $key == "$tenant" ]] || continue
      found=1
      retry_after_ms=$(sed -n 's/.*tidegate\.retry_after_ms=\([0-9]*\).*/\1/p' <<<"$headers")
      if [[ -z $retry_after_ms ]]; then
        given_up=$((given_up + 1))
        sed -n 's/.*tidegate\.reason=\([a-z_]*\).*/given up: \1/p' <<<"$headers" >&2
        continue
      fi
      # Each delay is the time to the next token: one after the other, signals do not exceed the rate.
      sleep "$((retry_after_ms / 1000)).$(printf %03d $((retry_after_ms % 1000)))"
      printf '%s:%s\n' "$key" "$value" | kcat -b "$brokers" -P -t "$signals" -K: -X acks=all
      resent=$((resent + 1))
    done < <(kcat -b "$brokers" -C -t "$quota_exceeded" -p "$partition" -o "$offset" -e -q \
      -X isolation.level=read_committed -f '%o\t%k\t%h\t%s\n')
    echo "$partition $offset" >>"$next.new"
  done <"$next"
  mv "$next.new" "$next"
  if ((found)); then idle=0; else idle=$((idle + 1)); sleep 1; fi
done
echo "sent $count, sent again $resent, given up $given_up"
((given_up == 0 && idle >= idle_s))
