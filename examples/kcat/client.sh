#!/usr/bin/env bash
# Sends signals of one tenant, reads the tenant's rejections, and sends each rejected signal again after its retry delay.
# Needs kcat and jq. The tenant is the record's key (tenant.source=key).
#
#   client.sh BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]
#
# Ends after 5 seconds without a rejection. IDLE_S=60 client.sh … waits for a minute.
set -euo pipefail
(($# >= 3 && $# <= 5)) || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
brokers=$1 tenant=$2 count=$3 signals=${4:-signals} quota_exceeded=${5:-quota-exceeded}
idle_s=${IDLE_S:-5} wait_max_ms=60000
rounds_max=$((idle_s + 25))

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Start at the current end of the topic: rejections before it are of earlier runs. One line per partition.
kcat -b "$brokers" -L -J -t "$quota_exceeded" |
  jq '.topics[0] | if .error then error("\(.topic): \(.error)") else .partitions[].partition end' |
  while read -r partition; do
    offset=$(kcat -b "$brokers" -Q -t "$quota_exceeded:$partition:-1" | sed 's/.* offset \([0-9]*\)$/\1/')
    echo "$partition $offset"
  done >"$dir/next"

for ((i = 0; i < count; i++)); do echo "$tenant:{\"signal\":\"view\",\"item\":\"kcat-$i\"}"; done |
  kcat -b "$brokers" -P -t "$signals" -K: -X acks=all

# Selects the tenant's rejections among kcat's records, in which the headers are a list: name, value, name, value.
rejections='
  .headers |= ([range(0; length; 2) as $i | {(.[$i]): .[$i + 1]}] | add)
  | select(.headers["tidegate.tenant"] == $tenant)
  | {wait_s: ((.headers["tidegate.retry_after_ms"] // empty | tonumber | select(. <= $wait_max_ms) / 1000) // null),
     reason: .headers["tidegate.reason"], message: .headers["tidegate.message"], value: .payload}'

resent=0 given_up=0 idle=0
for ((round = 0; round < rounds_max && idle < idle_s; round++)); do
  found=0
  while read -r partition offset; do
    # Producers choose keys, headers and values, so other formats than JSON (-f) let a line break in a record forge another
    # record. Only jq interprets records: the shell would execute commands in an arithmetic expression.
    kcat -b "$brokers" -C -t "$quota_exceeded" -p "$partition" -o "$offset" -e -q -J -X isolation.level=read_committed \
      >"$dir/records"
    next=$(tail -n 1 "$dir/records" | jq '.offset + 1')
    echo "$partition ${next:-$offset}" >>"$dir/next.new"
    jq -c --arg tenant "$tenant" --argjson wait_max_ms "$wait_max_ms" "$rejections" "$dir/records" >"$dir/rejected"
    while read -r rejected; do
      found=1
      wait_s=$(jq .wait_s <<<"$rejected")
      if [[ $wait_s == null ]]; then
        given_up=$((given_up + 1))
        jq -r '"given up: \(.reason): \(.message)"' <<<"$rejected" >&2
        continue
      fi
      # Each delay is the time to the next token: one after the other, signals do not exceed the rate.
      sleep "$wait_s"
      jq -j .value <<<"$rejected" >"$dir/signal"
      kcat -b "$brokers" -P -t "$signals" -k "$tenant" -X acks=all "$dir/signal" # the whole file is one signal
      resent=$((resent + 1))
    done <"$dir/rejected"
  done <"$dir/next"
  mv "$dir/next.new" "$dir/next"
  if ((found)); then idle=0; else idle=$((idle + 1)); sleep 1; fi
done
echo "sent $count, sent again $resent, given up $given_up"
((given_up == 0 && idle >= idle_s))
