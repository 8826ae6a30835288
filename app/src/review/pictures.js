// Pictures of predictions, fetched and decoded before anybody looks at them.
const AT_ONCE = 3; // requests, where nothing else is said
const FIRST = 2; // pictures of a request while the one that is looked at is missing
const BATCH = 8; // of the others


export class Pictures {
  /**
   * @param fetch `names => Promise` of `{name: {picture: data URI, outlines}}`
   * @param kept how many pictures: one of 400 px takes 0.6 MB
   */
  constructor({ fetch, kept, decode = decoded, onChange = () => {}, atOnce = AT_ONCE }) {
    Object.assign(this, { fetch, kept, decode, onChange, atOnce });
    this.known = new Map();
    this.asked = new Set();
    this.wanted = [];
    this.requests = 0;
  }

  /** The picture of a prediction; undefined while it is not there, null where there is none. */
  get(name) {
    return this.known.get(name);
  }

  /** What is looked at, the first at once; what else was wanted before, nobody waits for. */
  want(names) {
    this.wanted = names.filter((name) => !this.known.has(name) && !this.asked.has(name));
    for (const name of names) {
      const picture = this.known.get(name);
      if (picture === undefined) continue;
      this.known.delete(name); // the last used are the last to go
      this.known.set(name, picture);
    }
    this.urgent = this.wanted[0] === names[0] && names.length > 0;
    this.pump();
  }

  pump() {
    while (this.requests < this.atOnce && this.wanted.length) {
      const names = this.wanted.splice(0, this.urgent ? FIRST : BATCH);
      this.urgent = false;
      this.load(names);
    }
  }

  async load(names) {
    this.requests += 1;
    for (const name of names) this.asked.add(name);
    let found = {};
    let failed = false;
    try {
      found = await this.fetch(names);
    } catch (error) {
      failed = true;
      console.warn("Pictures of predictions could not be read:", error);
    }
    await Promise.all(
      names.map(async (name) => {
        const one = found[name];
        const bitmap = one && (await this.decode(one.picture).catch(() => null));
        this.asked.delete(name);
        // Of a request that failed, they are asked for again.
        if (bitmap) this.known.set(name, { bitmap, outlines: one.outlines });
        else if (!failed) this.known.set(name, null);
      })
    );
    this.requests -= 1;
    for (const [name, picture] of this.known) {
      if (this.known.size <= this.kept) break;
      this.known.delete(name);
      picture?.bitmap.close?.();
    }
    this.onChange();
    this.pump();
  }
}

export async function decoded(uri) {
  const text = atob(uri.slice(uri.indexOf(",") + 1));
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}
