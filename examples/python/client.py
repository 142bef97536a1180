#!/usr/bin/env python3
"""Sends signals of one tenant, reads the tenant's rejections, and sends each rejected signal again after its retry delay.

The tenant is in the header tidegate-tenant (tenant.source=header). Needs Debian's python3-confluent-kafka.

    client.py BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]
"""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

ATTEMPTS_MAX = 20
WAIT_MAX_MS = 60_000
IDLE_S = 10  # without a rejection for this long, every signal was accepted or given up


def main(brokers, tenant, count, signals="signals", quota_exceeded="quota-exceeded"):
    failures = []
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})

    def delivered(error, message):
        if error is not None:
            failures.append(error)  # Kafka does not have the signal, so Tidegate will never see it

    def send(key, value, headers):
        producer.produce(signals, key=key, value=value, headers=headers, on_delivery=delivered)

    for i in range(int(count)):
        send(None, json.dumps({"signal": "view", "item": f"python-{i}"}), [("tidegate-tenant", tenant)])
    producer.flush()

    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"example-python-{tenant}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([quota_exceeded])
    resent = given_up = 0
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < IDLE_S:
        rejected = consumer.poll(0.5)
        if rejected is None:
            continue
        if rejected.error():
            raise KafkaException(rejected.error())
        headers = {name: (value or b"").decode() for name, value in rejected.headers() or []}
        if headers.get("tidegate.tenant") == tenant:
            idle_since = time.monotonic()
            retry_after_ms = headers.get("tidegate.retry_after_ms")
            attempts = int(headers.get("resend-attempts", "0")) + 1
            if retry_after_ms is None or int(retry_after_ms) > WAIT_MAX_MS or attempts > ATTEMPTS_MAX:
                given_up += 1
                print(headers["tidegate.reason"], headers["tidegate.message"], file=sys.stderr)
            else:
                # Each delay is the time to the next token: one after the other, signals do not exceed the rate.
                time.sleep(int(retry_after_ms) / 1000)
                own = [(n, v) for n, v in rejected.headers() if not n.startswith("tidegate.") and n != "resend-attempts"]
                send(rejected.key(), rejected.value(), own + [("resend-attempts", str(attempts))])
                producer.flush()
                if failures:
                    break  # Without a commit, so that the next run sends it again.
                resent += 1
        # Committed after the send: after a crash, the signal is sent twice rather than lost.
        consumer.commit(rejected, asynchronous=False)
    consumer.close()
    print(f"sent {count}, sent again {resent}, given up {given_up}, not delivered {len(failures)}")
    return 1 if given_up or failures else 0


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
