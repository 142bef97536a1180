#!/usr/bin/env node
// Sends signals of one tenant, reads the tenant's rejections, and sends each rejected signal again after its retry delay.
// The tenant is in the header tidegate-tenant (tenant.source=header). Needs kafkajs: npm install.
//
//   client.js BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]
'use strict';

const { Kafka, logLevel } = require('kafkajs');

const ATTEMPTS_MAX = 20;
const WAIT_MAX_MS = 60_000;
const IDLE_MS = 10_000; // without a rejection for this long, every signal was accepted or given up

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main([brokers, tenant, count, signals = 'signals', quotaExceeded = 'quota-exceeded']) {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  await producer.connect();
  const send = (messages) => producer.send({ topic: signals, acks: -1, messages }); // rejects if Kafka does not have them

  await send(Array.from({ length: Number(count) }, (unused, i) => ({
    value: JSON.stringify({ signal: 'view', item: `node-${i}` }),
    headers: { 'tidegate-tenant': tenant },
  })));

  let resent = 0;
  let givenUp = 0;
  let idleSince;
  let crash;
  // Reads committed records only, by default.
  const consumer = kafka.consumer({ groupId: `example-node-${tenant}` });
  consumer.on(consumer.events.CRASH, ({ payload }) => { crash = payload.error; });
  await consumer.connect();
  await consumer.subscribe({ topics: [quotaExceeded], fromBeginning: true });
  await consumer.run({
    // The offset is committed after the send: after a crash, the signal is sent twice rather than lost.
    eachMessage: async ({ message, heartbeat }) => {
      const text = (name) => message.headers[name]?.toString();
      if (text('tidegate.tenant') !== tenant) return;
      const retryAfterMs = text('tidegate.retry_after_ms');
      // Every producer can set this header: if it is not a number, the signal was sent again often enough.
      const sentAgain = text('resend-attempts') ?? '0';
      const attempts = /^\d{1,4}$/.test(sentAgain) ? Number(sentAgain) + 1 : Infinity;
      if (retryAfterMs === undefined || Number(retryAfterMs) > WAIT_MAX_MS || attempts > ATTEMPTS_MAX) {
        givenUp++;
        console.error(text('tidegate.reason'), text('tidegate.message'));
      } else {
        // Each delay is the time to the next token: one after the other, signals do not exceed the rate.
        for (let left = Number(retryAfterMs); left > 0; left -= 1000) {
          await sleep(Math.min(left, 1000));
          await heartbeat();
        }
        const own = Object.entries(message.headers).filter(([name]) => !name.startsWith('tidegate.'));
        const headers = { ...Object.fromEntries(own), 'resend-attempts': String(attempts) };
        await send([{ key: message.key, value: message.value, headers }]);
        resent++;
      }
      idleSince = Date.now();
    },
  });
  // The group is joined now. After a run that was killed, this takes up to 30 s.
  idleSince = Date.now();
  while (Date.now() - idleSince < IDLE_MS) {
    if (crash) throw crash; // for example because an ACL does not let this client read the topic
    await sleep(200);
  }
  await consumer.disconnect();
  await producer.disconnect();
  console.log(`sent ${count}, sent again ${resent}, given up ${givenUp}`);
  return givenUp === 0 ? 0 : 1;
}

const args = process.argv.slice(2);
if (args.length < 3 || args.length > 5) {
  console.error('client.js BROKERS TENANT COUNT [SIGNALS_TOPIC [QUOTA_EXCEEDED_TOPIC]]');
  process.exit(2);
}
main(args).then((exit) => process.exit(exit), (failure) => {
  console.error(failure);
  process.exit(1);
});
