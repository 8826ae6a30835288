// What is reviewed: the queue, where in it one is, what was decided and can be undone. Knows neither
// React nor FiftyOne.
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";

export const AHEAD = 20; // pictures that are fetched before one comes to them
const NEAR_END = 60; // predictions left in the list, from which on more are asked for
const PAGE = 500;
const [LARGE, SMALL] = [400, 180]; // px of pictures
const PATIENCE = 2000; // ms that a new queue waits for decisions to arrive
const STEPS = 500; // that can be undone
export const GRID = 60; // pictures of a grid

export const nameOf = (item) => `${item.label_id}@${item.sample_id}`;

export class Session {
  /**
   * @param ask `(method, params) => Promise` of the panel's answer; rejects with what to say
   * @param send `(decisions, leaving) => Promise` of reports
   */
  constructor({ ask, send, storage, dataset, onChange, decode }) {
    this.ask = ask;
    this.listeners = onChange;
    const common = { decode, onChange: () => this.changed() };
    const ofSide = (side) => (names) => ask("crops", { field: this.field, names, side });
    this.pictures = new Pictures({ ...common, fetch: ofSide(LARGE), kept: 100 });
    this.small = new Pictures({ ...common, fetch: ofSide(SMALL), kept: 400 }); // of the grid
    this.references = new Pictures({
      ...common,
      fetch: (names) => ask("references", { bank: this.bank, names }),
      kept: 100,
      atOnce: 1, // they may have to be looked for in the whole dataset
    });
    this.outbox = new Outbox({
      send,
      storage,
      place: dataset,
      onChange: () => this.changed(),
      onReport: (decision, report) => this.reported(decision, report),
    });
    this.choice = { field: null, order: "doubt", classes: null };
    this.loading = true;
    this.items = [];
    this.names = new Map();
    this.classes = [];
    this.fields = [];
    this.left = 0;
    this.decided = 0;
    this.steps = [];
    this.index = 0;
    this.message = null;
    this.grid = null;
    this.teaching = 0;
  }

  changed() {
    this.listeners?.();
  }

  get field() {
    return this.choice.field;
  }

  get item() {
    return this.items[this.index] ?? null;
  }

  say(message, bad = false) {
    this.message = message && { text: message, bad };
    this.changed();
  }

  /** Ask for the queue anew. Until it is there, nothing can be decided. */
  async open(changes = {}) {
    Object.assign(this.choice, changes);
    const asked = (this.asked = {});
    this.loading = true;
    this.items = [];
    this.grid = null;
    this.changed();
    let found;
    try {
      // What is on its way is not asked for again.
      await Promise.race([this.outbox.idle(), new Promise((end) => setTimeout(end, PATIENCE))]);
      found = await this.ask("queue", { ...this.choice, limit: PAGE });
    } catch (error) {
      if (asked !== this.asked) return;
      this.loading = false;
      this.say(String(error.message ?? error), true);
      return;
    }
    if (asked !== this.asked) return;
    const { fields, field, order, classes, bank, left, decided, items } = found;
    // Classes keep their numbers as long as the field is looked at.
    const known = field === this.shown ? this.classes : [];
    this.classes = [...new Set([...known, ...(classes ?? [])])];
    this.shown = field;
    Object.assign(this, { fields, bank, left, decided });
    Object.assign(this.choice, { field: field ?? null, order });
    this.items = items ?? [];
    this.names = new Map(this.items.map((item) => [nameOf(item), item]));
    this.index = 0;
    this.loading = false;
    this.exhausted = this.items.length >= (left ?? 0);
    this.look();
  }

  /** More of the queue, behind what is there. */
  async more() {
    if (this.exhausted || this.fetching || this.loading) return;
    this.fetching = true;
    const asked = this.asked;
    const skipped = this.items.filter((item) => !item.decision).length;
    try {
      const found = await this.ask("queue", { ...this.choice, limit: skipped + PAGE });
      if (asked !== this.asked) return;
      const listed = new Set(this.items.map(nameOf));
      const fresh = (found.items ?? []).filter((item) => !listed.has(nameOf(item)));
      this.items.push(...fresh.map((item) => this.known(item))); // the grid may know them
      this.exhausted = fresh.length === 0;
      this.look();
    } catch (error) {
      console.warn("The rest of the queue could not be read:", error);
    } finally {
      this.fetching = false;
    }
  }

  /** Have the pictures fetched of what is looked at and what comes next. */
  look() {
    const next = this.items.slice(this.index, this.index + AHEAD);
    if (!this.grid) {
      this.pictures.want(next.map(nameOf));
      this.wantReferences(next.slice(0, AHEAD / 2));
    }
    if (this.items.length - this.index < NEAR_END) this.more();
    this.changed();
  }

  wantReferences(items) {
    if (!this.bank) return;
    const names = items.map((item) => item.nearest_reference).filter(Boolean);
    this.references.want([...new Set(names)]);
  }

  go(step) {
    this.message = null;
    this.index = Math.min(Math.max(this.index + step, 0), this.items.length);
    this.look();
  }

  /** To the next that nobody has decided on. */
  advance() {
    let next = this.index + 1;
    while (next < this.items.length && this.items[next].decision) next += 1;
    this.index = next;
    this.look();
  }

  /** Back to the first that was left open. */
  first() {
    const open = this.items.findIndex((item) => !item.decision);
    this.index = open < 0 ? this.items.length : open;
    this.look();
  }

  /** Decide on the prediction that is looked at, and go on. */
  decide(verdict, label) {
    const { item } = this;
    if (!item) return false;
    this.message = null;
    if (verdict === "relabel" && label === item.label) verdict = "accept";
    if (label && !this.classes.includes(label)) this.classes.push(label);
    this.step([item], verdict, label);
    this.advance();
    return true;
  }

  step(items, verdict, label, lesson = null) {
    const before = items.map(({ decision, label: own }) => ({ decision, label: own }));
    this.steps.push({ items, before, field: this.field, lesson });
    if (this.steps.length > STEPS) this.steps.shift();
    for (const item of items) this.bear(item, verdict, label);
    this.outbox.add({ field: this.field, names: items.map(nameOf), verdict, label });
  }

  bear(item, verdict, label) {
    const open = !item.decision;
    item.decision = { accept: "accepted", relabel: "accepted", reject: "rejected" }[verdict] ?? null;
    if (verdict === "relabel") item.label = label;
    const change = Number(open) - Number(!item.decision);
    this.decided += change;
    this.left -= change;
  }

  undo() {
    const step = this.steps.pop();
    if (!step) return this.say("Nothing to undo");
    const groups = new Map(); // labels that were alike before go together
    step.items.forEach((item, index) => {
      const { decision, label } = step.before[index];
      const key = JSON.stringify([decision, label]);
      groups.set(key, [...(groups.get(key) ?? []), item]);
    });
    for (const [key, items] of groups) {
      const [decision, label] = JSON.parse(key);
      const names = items.map(nameOf);
      const send = (verdict) => this.outbox.add({ field: step.field, names, verdict, label });
      // Of a rejected one that got another class since, the class comes back first.
      if (!decision) send("undecide");
      else send("relabel");
      if (decision === "rejected") send("reject");
      const verdict = { accepted: "accept", rejected: "reject" }[decision] ?? "undecide";
      // After a reload the list has other objects, and not those that were decided.
      if (step.field !== this.field) continue;
      for (const item of items.map((one) => this.known(one))) {
        this.bear(item, verdict);
        item.label = label;
      }
    }
    if (step.lesson) this.unteach(step);
    const count = step.items.length;
    this.message = { text: count === 1 ? "Undone" : `Undone: ${count} predictions`, bad: false };
    if (this.grid) this.fillGrid();
    else if (step.field === this.field) this.show(this.known(step.items[0]));
    this.look();
    return undefined;
  }

  /** Go to a prediction, which may not be in the list any more. */
  show(item) {
    const at = this.items.indexOf(item);
    if (at < 0) this.items.splice(this.index, 0, item);
    else this.index = at;
  }

  /** Accept and have the bank learn it, as a reference; or reject, as a negative. */
  teach(lesson) {
    const { item, bank } = this;
    if (!item) return;
    if (!bank) {
      this.say("The memory bank of these predictions is not there any more", true);
      return;
    }
    this.step([item], lesson === "reference" ? "accept" : "reject", undefined, { lesson, bank });
    this.advance();
    this.lesson(lesson, item, bank, this.steps.at(-1));
  }

  unteach({ items: [item], field, lesson: { lesson, bank, failed } }) {
    if (!failed) this.lesson(`no ${lesson}`, item, bank, null, field);
  }

  /** One after the other, and after the decisions before: a bank is changed by one at a time. */
  lesson(lesson, item, bank, step, field = this.field) {
    this.teaching += 1;
    const work = async () => {
      try {
        await this.outbox.idle();
        if (step?.lesson.failed) return;
        await this.ask("teach", { lesson, field, name: nameOf(item), bank });
        const said = {
          reference: `${item.label}: a reference of “${bank}” now`,
          negative: `A negative of “${bank}” now: not ${item.label}`,
        };
        this.say(said[lesson] ?? `Taken out of “${bank}”`);
      } catch (error) {
        if (step) step.lesson.failed = true;
        this.say(String(error.message ?? error), true);
      } finally {
        this.teaching -= 1;
        this.changed();
      }
    };
    this.lessons = (this.lessons ?? Promise.resolve()).then(work);
  }

  /** What came of a decision in the database. */
  reported({ names }, report) {
    if (report.error) this.say(report.error, true);
    const lost = [...(report.changed ?? []), ...(report.gone ?? []), ...(report.contested ?? [])];
    if (!lost.length) return;
    const ids = new Set(lost);
    for (const name of names) {
      const item = this.names.get(name);
      if (item && ids.has(item.label_id)) item.decision = "changed";
    }
    const what = lost.length === 1 ? "1 prediction" : `${lost.length} predictions`;
    this.say(`${what} changed meanwhile: Reload to look again`, true);
  }

  // Many of one class at a time.

  async openGrid(label) {
    const of = label ?? this.item?.label ?? this.items.at(-1)?.label ?? this.classes[0];
    if (!of) return;
    this.message = null;
    this.grid = { label: of, all: [], items: [], start: 0, marked: new Set(), loading: true };
    const { grid } = this;
    this.changed();
    try {
      const { field, order } = this.choice;
      const params = { field, order: order === "class" ? "doubt" : order, classes: [of] };
      const found = await this.ask("queue", { ...params, limit: 2 * PAGE });
      if (grid !== this.grid) return;
      // Those of the list are the same objects: what is decided here is decided there.
      grid.all = (found.items ?? []).map((item) => this.known(item));
      grid.left = found.left;
    } catch (error) {
      this.say(String(error.message ?? error), true);
    }
    grid.loading = false;
    this.fillGrid();
    this.look();
  }

  known(item) {
    const name = nameOf(item);
    if (!this.names.has(name)) this.names.set(name, item);
    return this.names.get(name);
  }

  closeGrid() {
    this.grid = null;
    if (this.item?.decision) this.first();
    this.look();
  }

  /** The pictures of the grid: those that are open, from where one is. */
  fillGrid() {
    const { grid } = this;
    const open = grid.all.filter((item) => !item.decision && item.label === grid.label);
    grid.open = open.length;
    grid.start = Math.min(grid.start, Math.max(0, Math.ceil(open.length / GRID) - 1) * GRID);
    grid.items = open.slice(grid.start, grid.start + GRID);
    grid.marked = new Set();
    this.small.want(open.slice(grid.start, grid.start + 2 * GRID).map(nameOf));
    if (!open.length && grid.left > grid.all.length && !grid.loading) this.openGrid(grid.label);
    this.changed();
  }

  mark(names, wanted) {
    const { marked } = this.grid;
    for (const name of names) {
      if (wanted ?? !marked.has(name)) marked.add(name);
      else marked.delete(name);
    }
    this.changed();
  }

  turn(step) {
    this.grid.start = Math.max(0, this.grid.start + step * GRID);
    this.fillGrid();
  }

  /** Reject or relabel those that are marked, or accept the others. */
  decideGrid(verdict, label) {
    const { items, marked } = this.grid;
    const wanted = items.filter((item) => marked.has(nameOf(item)) !== (verdict === "accept"));
    if (!wanted.length) return;
    const rest = [...marked];
    this.step(wanted, verdict, label);
    this.fillGrid();
    // Marks outlive that the others were accepted: what they were made for comes next.
    if (verdict === "accept") {
      const there = new Set(this.grid.items.map(nameOf));
      this.grid.marked = new Set(rest.filter((name) => there.has(name)));
    }
    this.changed();
  }
}
