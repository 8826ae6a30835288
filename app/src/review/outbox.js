// Decisions on their way to the database. Each is sent at once and nobody waits for the answer; one
// that does not arrive is sent again, after longer and longer pauses, and until it has arrived it
// also lies in the browser's storage, from where the next panel on this dataset sends it. Decisions
// arrive in the order they were made; the server knows them by their keys, and does none twice.
const PAUSES = [500, 1000, 2000, 5000, 10000, 30000]; // ms before each further attempt
const MOST = 1000; // labels in one request
const FRESH = 24 * 3600 * 1000; // ms that a decision left behind is worth sending
const ALIVE = 5000; // ms after which a panel that has not sent a decision is taken to be gone

export class Outbox {
  /**
   * @param {object} parts
   * @param parts.send `(decisions, leaving) => Promise` of reports by key; rejects where unknown
   * @param parts.storage of the browser: `localStorage`, or like it
   * @param parts.place what the decisions are about, a dataset's name
   * @param parts.onChange called when there is something else to say
   * @param parts.onReport called with each decision that arrived, and what came of it
   */
  constructor({ send, storage, place, onChange = () => {}, onReport = () => {}, ...clock }) {
    Object.assign(this, { send, storage, onChange, onReport });
    this.now = clock.now ?? (() => Date.now());
    this.later = clock.later ?? ((work, pause) => setTimeout(work, pause));
    this.prefix = `ntt-review:${place}:`;
    this.own = `${this.prefix}${this.now()}-${Math.random().toString(36).slice(2)}`;
    this.made = 0;
    this.waiting = [];
    this.sending = [];
    this.attempts = 0;
    this.problem = null;
    this.idling = [];
  }

  get pending() {
    return this.waiting.length + this.sending.length;
  }

  /** Send a decision: `field`, `names`, `verdict` and, of another class, `label`. */
  add(decision) {
    // More labels than go into a request are several decisions.
    for (let first = 0; first < decision.names.length; first += MOST) {
      const names = decision.names.slice(first, first + MOST);
      this.made += 1;
      this.waiting.push({ ...decision, names, key: `${this.own}-${this.made}`, at: this.now() });
    }
    this.keep();
    this.flush();
  }

  /** How many of the decisions that wait go into one request: one at least. */
  fitting() {
    let count = 0;
    let labels = 0;
    for (const { names } of this.waiting) {
      labels += names.length;
      if (count && labels > MOST) break;
      count += 1;
    }
    return count;
  }

  async flush() {
    if (this.sending.length || !this.waiting.length) return;
    this.sending = this.waiting.splice(0, this.fitting());
    this.onChange();
    try {
      const reports = await this.send(this.sending, false);
      const arrived = this.sending;
      this.sending = [];
      this.attempts = 0;
      this.problem = null;
      this.keep();
      for (const one of arrived) this.onReport(one, reports[one.key] ?? {});
    } catch (error) {
      this.waiting.unshift(...this.sending);
      this.sending = [];
      this.problem = String(error?.message ?? error);
      const pause = PAUSES[Math.min(this.attempts, PAUSES.length - 1)];
      this.attempts += 1;
      this.later(() => this.flush(), pause);
      this.onChange();
      return;
    }
    this.onChange();
    if (!this.waiting.length) this.idling.splice(0).forEach((resolve) => resolve());
    this.flush();
  }

  /** The page goes: all that waits is sent in one request, which the browser sees through. */
  leave() {
    if (this.waiting.length) this.send(this.waiting, true).catch(() => {});
  }

  /** When everything has arrived. */
  idle() {
    return this.pending ? new Promise((resolve) => this.idling.push(resolve)) : Promise.resolve();
  }

  /** Send what panels that are gone left behind; returns how many decisions that are. */
  adopt() {
    const found = [];
    for (const name of Object.keys(this.storage)) {
      if (!name.startsWith(this.prefix) || name === this.own) continue;
      const left = read(this.storage, name);
      if (left.some((one) => this.now() - one.at < ALIVE)) continue;
      this.storage.removeItem(name);
      found.push(...left.filter((one) => this.now() - one.at < FRESH));
    }
    found.sort((one, other) => one.at - other.at);
    this.waiting.unshift(...found);
    this.keep();
    this.flush();
    return found.length;
  }

  keep() {
    try {
      const all = [...this.sending, ...this.waiting];
      if (all.length) this.storage.setItem(this.own, JSON.stringify(all));
      else this.storage.removeItem(this.own);
    } catch (error) {
      console.warn("Decisions cannot be kept in this browser:", error); // full, or forbidden
    }
    this.onChange();
  }
}

function read(storage, name) {
  try {
    return JSON.parse(storage.getItem(name)) ?? [];
  } catch {
    return [];
  }
}
