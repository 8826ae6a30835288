import assert from "node:assert/strict";
import { test } from "node:test";

import { actions, choose, press } from "../src/review/keys.js";
import { GRID, nameOf, Session } from "../src/review/session.js";

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

function predictions(count) {
  return Array.from({ length: count }, (_, index) => ({
    sample_id: `s${index}`,
    label_id: `l${index}`,
    label: index % 2 ? "gull" : "heron",
    runner_up: index % 2 ? "heron" : "gull",
    reasons: [],
    decision: null,
    nearest_reference: null,
  }));
}

// A session on a server that keeps what was decided, as the database would.
async function opened(count) {
  const all = predictions(count);
  const state = new Map(all.map((item) => [nameOf(item), [null, item.label, item.label]]));
  const answers = {
    queue: ({ classes, limit }) => {
      const open = all.filter((item) => !state.get(nameOf(item))[0]);
      const found = open.filter((item) => !classes || classes.includes(state.get(nameOf(item))[1]));
      return {
        fields: ["found"],
        field: "found",
        order: "doubt",
        classes: ["heron", "gull"],
        bank: "birds",
        left: found.length,
        decided: all.length - open.length,
        items: found.slice(0, limit).map((item) => ({ ...item })),
      };
    },
    crops: ({ names }) => Object.fromEntries(names.map((name) => [name, { picture: name, outlines: [] }])),
    teach: () => ({}),
  };
  const write = ({ names, verdict, label }) => {
    for (const name of names) {
      const [, own, predicted] = state.get(name);
      const accepted = ["accepted", label ?? own, predicted];
      const wanted = { accept: accepted, relabel: accepted, reject: ["rejected", own, predicted] };
      state.set(name, wanted[verdict] ?? [null, predicted, predicted]);
    }
  };
  const send = async (decisions) => {
    decisions.forEach(write);
    return Object.fromEntries(decisions.map(({ key }) => [key, {}]));
  };
  const storage = { getItem: () => null, setItem() {}, removeItem() {} };
  const ask = async (method, params) => answers[method](params);
  const decode = async (picture) => ({ picture });
  const session = new Session({ ask, send, storage, dataset: "harbour", decode });
  await session.open();
  await settled();
  const stored = () => [...state.values()].map(([decision, label]) => [decision, label]);
  return { session, stored, key: (name) => press(session, name, {}) };
}

test("each key decides, goes on, and can be undone", async () => {
  const { session, stored, key } = await opened(6);
  assert.ok(session.pictures.get("l0@s0").bitmap); // before it is looked at
  for (const name of ["a", "R", "s", "2", "1"]) assert.ok(key(name));
  assert.equal(session.index, 5);
  await session.outbox.idle();
  assert.deepEqual(stored(), [
    ["accepted", "heron"],
    ["rejected", "gull"],
    ["accepted", "gull"],
    ["accepted", "gull"], // its own class
    ["accepted", "heron"],
    [null, "gull"],
  ]);
  assert.deepEqual([session.decided, session.left], [5, 1]);
  for (let undone = 0; undone < 5; undone += 1) key("z");
  assert.equal(session.index, 0);
  await session.outbox.idle();
  assert.ok(stored().every(([decision]) => decision === null));
  assert.deepEqual([session.decided, session.left], [0, 6]);
  assert.equal(key("q"), false);
});

test("undoing a second thought brings the first one back", async () => {
  const { session, stored, key } = await opened(2);
  key("r");
  key("ArrowLeft");
  key("2"); // heron becomes gull
  await session.outbox.idle();
  assert.deepEqual(stored()[0], ["accepted", "gull"]);
  key("z");
  await session.outbox.idle();
  assert.deepEqual(stored()[0], ["rejected", "heron"]);
  assert.equal(session.item.decision, "rejected");
});

test("after a reload what was decided can still be undone, and is shown again", async () => {
  const { session, stored, key } = await opened(4);
  key("r");
  key("a");
  await session.open();
  assert.deepEqual([session.items.length, session.decided, session.left], [2, 2, 2]);
  key("z");
  assert.equal(nameOf(session.item), "l1@s1");
  assert.equal(session.item.decision, null);
  await session.outbox.idle();
  assert.deepEqual(stored()[1], [null, "gull"]);
  assert.deepEqual([session.items.length, session.decided, session.left], [3, 1, 3]);
});

test("what the grid knows is in the list, too", async () => {
  const { session, key } = await opened(1200);
  key("g");
  await settled();
  key("g");
  session.index = 499;
  session.look();
  await settled();
  assert.equal(session.items.length, 1000);
});

test("next and back pass what is decided, the end leads to what is open", async () => {
  const { session, key } = await opened(3);
  key("ArrowRight");
  key("a");
  key("a");
  assert.equal(session.item, null);
  session.first();
  assert.equal(session.index, 0);
  key("a");
  assert.equal(session.left, 0);
});

test("a long queue is read on before its end", async () => {
  const { session, key } = await opened(1200);
  assert.equal(session.items.length, 500);
  for (let at = 0; at < 1199; at += 1) {
    key(at % 3 ? "a" : "ArrowRight"); // a third is skipped
    if (at % 50 === 0) await settled();
  }
  await settled();
  assert.equal(session.items.length, 1200);
  assert.equal(new Set(session.items.map(nameOf)).size, 1200);
});

test("a grid accepts all but those that are marked", async () => {
  const { session, stored, key } = await opened(200);
  key("g");
  await settled();
  assert.equal(session.grid.items.length, GRID);
  const wrong = session.grid.items.slice(0, 3).map(nameOf);
  session.mark(wrong);
  const said = actions(session, {}).map(([, label]) => label);
  assert.ok(said.includes("Accept the other 57") && said.includes("Reject these 3"));
  key("r");
  key("a");
  await session.outbox.idle();
  const count = (wanted) => stored().filter(([decision]) => decision === wanted).length;
  assert.deepEqual([count("rejected"), count("accepted")], [3, GRID]); // three others came instead
  session.mark([nameOf(session.grid.items[0])]);
  choose(session, "gull");
  await session.outbox.idle();
  assert.equal(count("accepted"), GRID + 1);
  key("z");
  key("z");
  await session.outbox.idle();
  assert.equal(count("accepted"), 0);
  key("g");
  assert.equal(session.grid, null);
  assert.equal(session.item.decision, null);
});

test("a lesson waits for the decision, and is taken back with it", async () => {
  const { session, stored, key } = await opened(2);
  const asked = [];
  const { ask } = session;
  session.ask = (method, params) => {
    if (method === "teach") asked.push([params.lesson, params.name, stored()[0][0]]);
    return ask(method, params);
  };
  key("f");
  await session.lessons;
  key("z");
  await session.lessons;
  assert.deepEqual(asked, [
    ["reference", "l0@s0", "accepted"],
    ["no reference", "l0@s0", null],
  ]);
});
