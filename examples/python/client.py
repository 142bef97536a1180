#!/usr/bin/env python3
"""Sends signals of one tenant, reads the tenant's rejections, and sends each rejected signal again after its retry delay.

The tenant is in the header tidegate-tenant (tenant.source=header). Needs confluent-kafka; versions before 1.8.2 crash after many
records that have a header without a value, which any producer can send.

    client.py BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]
"""

import json
import re
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

ATTEMPTS_MAX = 20
WAIT_MAX_MS = 60_000
JOIN_MAX_S = 60  # a member that was killed holds up its group for 45 s
IDLE_S = 10  # without a rejection for this long, every signal was accepted or given up


def text(record, name):
    """The last header with this name, or None. Nothing else is decoded: headers of producers can be binary."""
    values = [value for header, value in record.headers() or [] if header == name]
    return values[-1].decode(errors="replace") if values and values[-1] is not None else None


def attempts_of(record):
    """How often the signal was sent again. Every producer can set the header: if it is not a number, that was often enough."""
    attempts = text(record, "resend-attempts") or "0"
    return int(attempts) if re.fullmatch("[0-9]{1,4}", attempts) else ATTEMPTS_MAX


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
    joined = False
    deadline = time.monotonic() + JOIN_MAX_S
    while time.monotonic() < deadline:
        rejected = consumer.poll(0.5)
        if not joined and consumer.assignment():
            joined = True
            deadline = time.monotonic() + IDLE_S
        if rejected is None:
            continue
        if rejected.error():
            raise KafkaException(rejected.error())
        if text(rejected, "tidegate.tenant") == tenant:
            retry_after_ms = text(rejected, "tidegate.retry_after_ms")
            attempts = attempts_of(rejected) + 1
            if retry_after_ms is None or int(retry_after_ms) > WAIT_MAX_MS or attempts > ATTEMPTS_MAX:
                given_up += 1
                print(text(rejected, "tidegate.reason"), text(rejected, "tidegate.message"), file=sys.stderr)
            else:
                # Each delay is the time to the next token: one after the other, signals do not exceed the rate.
                time.sleep(int(retry_after_ms) / 1000)
                own = [(n, v) for n, v in rejected.headers() if not n.startswith("tidegate.") and n != "resend-attempts"]
                failures_before = len(failures)
                send(rejected.key(), rejected.value(), own + [("resend-attempts", str(attempts))])
                producer.flush()
                if len(failures) > failures_before:
                    break  # Without a commit, so that the next run sends it again.
                resent += 1
            deadline = time.monotonic() + IDLE_S
        # Committed after the send: after a crash, the signal is sent twice rather than lost.
        consumer.commit(rejected, asynchronous=False)
    consumer.close()
    if not joined:
        sys.exit(f"the group assigned no partition of {quota_exceeded} to this client within {JOIN_MAX_S} s")
    print(f"sent {count}, sent again {resent}, given up {given_up}, not delivered {len(failures)}")
    return 1 if given_up or failures else 0


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
