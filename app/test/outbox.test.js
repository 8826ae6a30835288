import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../src/review/outbox.js";

// Like localStorage: its keys are its properties.
function memory() {
  return Object.create({
    getItem(name) {
      return this[name] ?? null;
    },
    setItem(name, text) {
      this[name] = text;
    },
    removeItem(name) {
      delete this[name];
    },
  });
}

// A server that answers when it is told to.
function server() {
  const requests = [];
  const send = (decisions, leaving) =>
    new Promise((resolve, reject) => {
      const keys = decisions.map(({ key }) => key);
      const answer = () => resolve(Object.fromEntries(keys.map((key) => [key, { decided: 1 }])));
      requests.push({ decisions: [...decisions], leaving, answer, fail: () => reject(new Error("down")) });
    });
  return { requests, send };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const accept = (...names) => ({ field: "found", verdict: "accept", names });
const names = (request) => request.decisions.flatMap((one) => one.names);

test("a decision goes at once, those made meanwhile together and in order", async () => {
  const { requests, send } = server();
  const storage = memory();
  const outbox = new Outbox({ send, storage, place: "harbour" });
  outbox.add(accept("a"));
  assert.deepEqual(names(requests[0]), ["a"]);
  outbox.add(accept("b"));
  outbox.add({ ...accept("b"), verdict: "undecide" });
  assert.equal(requests.length, 1);
  assert.equal(outbox.pending, 3);
  requests[0].answer();
  await settled();
  assert.deepEqual(requests[1].decisions.map(({ verdict }) => verdict), ["accept", "undecide"]);
  requests[1].answer();
  await outbox.idle();
  assert.equal(outbox.pending, 0);
  assert.deepEqual(Object.keys(storage), []);
});

test("what did not arrive is sent again, with its key and before what came later", async () => {
  const { requests, send } = server();
  const pauses = [];
  const later = (work, pause) => pauses.push([work, pause]);
  const outbox = new Outbox({ send, storage: memory(), place: "harbour", later });
  outbox.add(accept("a"));
  requests[0].fail();
  await settled();
  assert.equal(outbox.problem, "down");
  assert.equal(pauses[0][1], 500);
  outbox.add(accept("b")); // does not wait for the pause
  assert.deepEqual(names(requests[1]), ["a", "b"]);
  assert.equal(requests[1].decisions[0].key, requests[0].decisions[0].key);
  requests[1].fail();
  await settled();
  assert.equal(pauses[1][1], 1000);
  pauses[1][0]();
  requests[2].answer();
  await outbox.idle();
  assert.equal(outbox.problem, null);
});

test("a page that goes sends all that waits, and the next one what may not have arrived", async () => {
  const { requests, send } = server();
  const storage = memory();
  let time = 1000;
  const now = () => time;
  const outbox = new Outbox({ send, storage, place: "harbour", now });
  outbox.add(accept("a"));
  outbox.add(accept("b"));
  outbox.leave();
  assert.deepEqual(names(requests[1]), ["b"]);
  assert.equal(requests[1].leaving, true);

  const other = server();
  const next = new Outbox({ send: other.send, storage, place: "harbour", now });
  assert.equal(next.adopt(), 0); // it may still be there
  time += 6000;
  assert.equal(new Outbox({ send: other.send, storage, place: "elsewhere", now }).adopt(), 0);
  assert.equal(next.adopt(), 2);
  assert.deepEqual(names(other.requests[0]), ["a", "b"]);
  other.requests[0].answer();
  await next.idle();
  assert.deepEqual(Object.keys(storage), []);
});

test("many labels are several requests, and what came of each is told", async () => {
  const { requests, send } = server();
  const reports = [];
  const onReport = (decision) => reports.push(decision.names.length);
  const outbox = new Outbox({ send, storage: memory(), place: "harbour", onReport });
  outbox.add(accept(...Array.from({ length: 2500 }, (_, index) => String(index))));
  for (let at = 0; at < 3; at += 1) {
    requests[at].answer();
    await settled();
  }
  assert.deepEqual(reports, [1000, 1000, 500]);
});
