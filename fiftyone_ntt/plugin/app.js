// Part of fiftyone-ntt. Built from app/src by `npm run build` in app/: change it there.
(() => {
  // src/opened_samples.js
  (() => {
    const { executeOperator, Operator, OperatorConfig, registerOperator } = window.__foo__ ?? {};
    const { datasetName, getCurrentEnvironment, refresher } = window.__fos__ ?? {};
    const { useEffect: useEffect2, useRef: useRef4 } = window.React ?? {};
    const { useRecoilValue } = window.recoil ?? {};
    const used = [executeOperator, Operator, OperatorConfig, registerOperator, datasetName];
    if (![...used, getCurrentEnvironment, refresher, useEffect2, useRecoilValue].every(Boolean)) {
      console.warn("fiftyone-ntt does not know this version of FiftyOne: opened samples stay as read");
      return;
    }
    async function readOpenedSamples(dataset) {
      const environment = getCurrentEnvironment();
      const questions = /* @__PURE__ */ new Map();
      for (const { operation } of environment.getStore()._roots.values()) {
        const { node, variables } = operation.request;
        if (node.params.name === "mainSampleQuery" && variables.dataset === dataset) {
          questions.set(JSON.stringify(variables.filter), operation);
        }
      }
      await Promise.all(
        [...questions.values()].map((operation) => environment.execute({ operation }).toPromise())
      );
    }
    class KeepOpenedSamples extends Operator {
      get config() {
        return new OperatorConfig({
          name: "keep_opened_samples",
          label: "Keep opened samples up to date",
          unlisted: true
        });
      }
      useHooks() {
        const reloads = useRecoilValue(refresher);
        const dataset = useRecoilValue(datasetName);
        const seen = useRef4(reloads);
        useEffect2(() => {
          if (reloads === seen.current) return;
          seen.current = reloads;
          readOpenedSamples(dataset).catch(
            (error) => console.error("Opened samples could not be read again:", error)
          );
        }, [reloads, dataset]);
        return {};
      }
      execute() {
        return new Promise(() => {
        });
      }
    }
    const plugin = "@ntt/reference_segmentation";
    registerOperator(KeepOpenedSamples, plugin);
    executeOperator(`${plugin}/keep_opened_samples`, {});
  })();

  // src/bank_browser.js
  (() => {
    const { React: React2, __fop__: plugins2, __foo__: operators2 } = window;
    if (!React2 || !plugins2?.registerComponent || !operators2?.useTriggerPanelEvent) {
      console.warn("fiftyone-ntt does not know this version of FiftyOne: references are not listed");
      return;
    }
    const { createElement: h6, Fragment: Fragment2, useCallback, useEffect: useEffect2, useMemo, useRef: useRef4, useState: useState4 } = React2;
    const LOOK_AGAIN = 4e3;
    const TAGS_EVERY = 8;
    const TYPING = 300;
    const STYLE2 = `
.ntt-bank { color: var(--fo-palette-text-primary); font-size: 14px; line-height: 1.4; width: 100%;
  min-width: 0; overflow-wrap: anywhere; container-type: inline-size; }
.ntt-bank * { box-sizing: border-box; }
.ntt-bank button, .ntt-bank select, .ntt-bank input { font: inherit; color: inherit;
  background: var(--fo-palette-background-level2); border: 1px solid var(--fo-palette-divider);
  border-radius: 4px; padding: 4px 10px; min-width: 0; max-width: 100%; }
.ntt-bank button { cursor: pointer; }
.ntt-bank button:disabled { opacity: 0.5; cursor: default; }
.ntt-bank button:hover:not(:disabled) { border-color: var(--fo-palette-text-secondary); }
.ntt-bank :focus-visible { outline: 2px solid var(--fo-palette-primary-plainColor);
  outline-offset: 1px; }
.ntt-bank .row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 0 0 8px; }
.ntt-bank .row > input { flex: 1 1 140px; }
.ntt-bank .chosen { border-color: var(--fo-palette-primary-plainColor); }
.ntt-bank .main { background: var(--fo-palette-primary-plainColor); color: #fff;
  border-color: transparent; }
.ntt-bank .quiet { color: var(--fo-palette-text-secondary); }
.ntt-bank .bar { position: sticky; top: 0; z-index: 2; padding: 8px; border-radius: 4px;
  background: var(--fo-palette-background-level1);
  border: 1px solid var(--fo-palette-primary-plainColor); }
.ntt-bank .bar > span { flex: 1 1 160px; }
.ntt-bank .grid { display: grid; gap: 8px;
  grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); grid-auto-flow: dense; }
.ntt-bank .cell { display: block; width: 100%; padding: 0 0 2px; text-align: center;
  overflow: hidden; background: none; border: 2px solid transparent; }
.ntt-bank .picture { position: relative; display: block; width: 100%; aspect-ratio: 1;
  background: var(--fo-palette-background-level2); }
.ntt-bank .picture img { display: block; width: 100%; height: 100%; object-fit: cover; }
.ntt-bank .flag { position: absolute; top: 2px; right: 2px; width: 18px; height: 18px;
  border-radius: 9px; background: #d32f2f; color: #fff; font-size: 13px; line-height: 18px; }
.ntt-bank .cell.flagged { border-color: #d32f2f; }
.ntt-bank .cell.open { border-color: var(--fo-palette-primary-plainColor); }
.ntt-bank .name { display: block; font-size: 12px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.ntt-bank .card { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 12px; padding: 10px;
  text-align: left; border-radius: 4px; background: var(--fo-palette-background-level1);
  border: 1px solid var(--fo-palette-primary-plainColor); }
.ntt-bank .large { flex: 0 1 260px; min-width: 120px; }
.ntt-bank .large img { display: block; width: 100%; aspect-ratio: 1; }
.ntt-bank .said { flex: 1 1 170px; min-width: 0; }
.ntt-bank h4 { margin: 0 0 4px; font-size: 16px; }
.ntt-bank p, .ntt-bank ul { margin: 0 0 8px; }
.ntt-bank ul { padding-left: 18px; }
.ntt-bank table { width: 100%; border-collapse: collapse; table-layout: fixed; }
.ntt-bank th { text-align: left; font-weight: normal; color: var(--fo-palette-text-secondary); }
.ntt-bank td, .ntt-bank th { padding: 4px; vertical-align: top;
  border-bottom: 1px solid var(--fo-palette-divider); }
.ntt-bank tbody tr.item { cursor: pointer; }
.ntt-bank tbody tr.item:hover { background: var(--fo-palette-background-level1); }
.ntt-bank td .cell { width: 40px; padding: 0; }
`;
    function scrollTo(element) {
      let around = element?.parentElement;
      while (around && !["auto", "scroll"].includes(getComputedStyle(around).overflowY)) {
        around = around.parentElement;
      }
      if (!around) return;
      const [inside, outside] = [element, around].map((one) => one.getBoundingClientRect());
      const below = Math.min(inside.bottom - outside.bottom, inside.top - outside.top);
      if (below > 0) around.scrollTop += below;
    }
    const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
    function Picture({ item }) {
      return h6(
        "span",
        { className: "picture" },
        item.picture && h6("img", { src: item.picture, loading: "lazy", alt: "" }),
        item.flags.length > 0 && h6("span", { className: "flag", "aria-hidden": true }, "!")
      );
    }
    function Cell({ item, open, onOpen, named = true }) {
      const flags = item.flags.join(", ");
      const said = [item.negative ? `not ${item.label}` : item.label, item.image, flags];
      const title = said.filter(Boolean).join("\n");
      const kind = `cell${item.flags.length ? " flagged" : ""}${open ? " open" : ""}`;
      return h6(
        "button",
        {
          className: kind,
          title,
          "aria-label": title.replaceAll("\n", ", "),
          "aria-expanded": open,
          "data-cy": "ntt-reference",
          onClick: onOpen
        },
        h6(Picture, { item }),
        named && h6("span", { className: "name" }, said[0])
      );
    }
    function Classes2({ head, item, busy, onChange }) {
      const [naming, setNaming] = useState4(false);
      const [name, setName] = useState4("");
      const others = head.classes.map(([known2]) => known2).filter((known2) => known2 !== item.label);
      if (naming) {
        const given = name.trim();
        return h6(
          Fragment2,
          null,
          h6("input", {
            autoFocus: true,
            placeholder: "Name of the class",
            value: name,
            onChange: (event) => setName(event.target.value),
            onKeyDown: (event) => event.key === "Enter" && given && onChange(given)
          }),
          h6("button", { disabled: busy || !given, onClick: () => onChange(given) }, "Change")
        );
      }
      const choose2 = (value) => value === "" ? setNaming(true) : onChange(others[Number(value)]);
      return h6(
        "select",
        {
          value: "title",
          disabled: busy,
          "aria-label": "Change class to",
          "data-cy": "ntt-change-class",
          onChange: (event) => choose2(event.target.value)
        },
        h6("option", { value: "title", disabled: true }, "Change class to…"),
        others.map((known2, index) => h6("option", { key: known2, value: index }, known2)),
        h6("option", { value: "" }, "Another name…")
      );
    }
    function Card({ item, head, busy, send, onClose }) {
      const [large, setLarge] = useState4(null);
      const box = useRef4(null);
      useEffect2(() => {
        let there = true;
        scrollTo(box.current);
        operators2.executeOperator(
          `${head.operators}draw_reference`,
          { bank: head.bank, reference: item.id },
          { callback: (result) => there && setLarge(result?.result?.picture ?? null) }
        );
        return () => {
          there = false;
        };
      }, [item.id, head.bank, head.operators]);
      const picture = large ?? item.picture;
      const what = item.negative ? { id: item.id, negative: true } : { id: item.id };
      const change = (label) => send("change_class", { ...what, label });
      return h6(
        "div",
        {
          className: "card",
          ref: box,
          "data-cy": "ntt-card",
          onKeyDown: (event) => event.key === "Escape" && onClose()
        },
        h6("div", { className: "large" }, picture && h6("img", { src: picture, alt: item.label })),
        h6(
          "div",
          { className: "said" },
          h6("h4", null, item.negative ? `not ${item.label}` : item.label),
          h6("p", { className: "quiet" }, item.image),
          item.flags.length > 0 && h6("ul", null, item.flags.map((flag) => h6("li", { key: flag }, flag))),
          item.negative ? h6("p", null, `A negative: ${item.reason}.`) : h6("p", null, `${item.drop ? "Better without it" : "Better with it"}: ${item.reason}.`),
          item.agreement != null && h6("p", { className: "quiet" }, `Agreement with its class: ${item.agreement} of 1`),
          h6(
            "div",
            { className: "row" },
            h6(
              "button",
              { disabled: busy, "data-cy": "ntt-remove", onClick: () => send("remove", what) },
              "Remove from bank"
            ),
            item.nearest && h6("button", { disabled: busy, onClick: () => change(item.nearest) }, `It is ${item.nearest}`),
            !item.negative && h6(Classes2, { head, item, busy, onChange: change }),
            item.sample && h6("button", { onClick: () => send("open_sample", { sample: item.sample }) }, "Open sample"),
            item.sample && !item.negative && h6("button", { onClick: () => send("show_in_grid", what) }, "Show in grid"),
            head.change && h6("button", { disabled: busy, onClick: () => send("undo") }, "Undo"),
            h6("button", { onClick: onClose }, "Close")
          )
        )
      );
    }
    function Bar({ head, tags, busy, send }) {
      const { change, relabel } = head;
      const undo = () => h6("button", { disabled: busy, "data-cy": "ntt-undo", onClick: () => send("undo") }, "Undo");
      return h6(
        Fragment2,
        null,
        relabel && h6(
          "div",
          { className: "row bar", "data-cy": "ntt-bar" },
          h6(
            "span",
            null,
            "Bank changed",
            change && `: ${change}`,
            ". ",
            h6("b", null, relabel.field),
            " was made before."
          ),
          change && undo(),
          h6(
            "button",
            {
              className: "main",
              disabled: busy,
              "data-cy": "ntt-relabel",
              onClick: () => send("relabel")
            },
            `Relabel ${counted(relabel.images, "image")}`
          )
        ),
        change && !relabel && h6(
          "div",
          { className: "row" },
          h6("span", { className: "quiet" }, `Last change: ${change}.`),
          undo()
        ),
        tags && h6(
          "div",
          { className: "row bar", "data-cy": "ntt-tags" },
          h6(
            "span",
            null,
            "The tagged references changed since this bank was built: ",
            `${tags.now} now, ${tags.then} then.`
          ),
          h6("button", { disabled: busy, onClick: () => send("rebuild") }, "Rebuild")
        )
      );
    }
    function Operators({ head, busy, send }) {
      return head.buttons.map(
        (buttons) => h6(
          "div",
          { className: "row", key: buttons[0].operator },
          buttons.map(
            ({ operator, label, given }) => h6(
              "button",
              { key: operator, disabled: busy, onClick: () => send("press", { operator, given }) },
              label
            )
          )
        )
      );
    }
    function Filters({ head, page, list, setList, look }) {
      const [typed, setTyped] = useState4(page.search);
      const waiting = useRef4(null);
      const search = (value) => {
        setTyped(value);
        clearTimeout(waiting.current);
        waiting.current = setTimeout(() => look({ search: value, page: 0 }), TYPING);
      };
      const choice = (show, label, count) => (count > 0 || page.show === show) && h6(
        "button",
        {
          className: page.show === show ? "chosen" : "",
          "aria-pressed": page.show === show,
          onClick: () => look({ show, page: 0 })
        },
        `${label} (${count})`
      );
      return h6(
        "div",
        { className: "row" },
        choice("all", "All", head.references),
        choice("flagged", "Only flagged", head.flagged),
        choice("negatives", "Negatives", head.negatives),
        h6("input", {
          type: "search",
          placeholder: "Class or file",
          "aria-label": "Search by class or file",
          value: typed,
          onChange: (event) => search(event.target.value)
        }),
        h6("button", { onClick: () => setList(!list) }, list ? "Pictures" : "List")
      );
    }
    function Pages({ page, look }) {
      if (page.pages < 2) return null;
      const to = (label, other) => h6(
        "button",
        { disabled: other < 0 || other >= page.pages, onClick: () => look({ page: other }) },
        label
      );
      return h6(
        "div",
        { className: "row", "data-cy": "ntt-pages" },
        to("Back", page.page - 1),
        to("Next", page.page + 1),
        h6("span", { className: "quiet" }, `Page ${page.page + 1} of ${page.pages}`)
      );
    }
    function Pictures2({ page, open, setOpen, card }) {
      return h6(
        "div",
        { className: "grid" },
        page.items.map(
          (item) => h6(
            Fragment2,
            { key: item.id },
            h6(Cell, {
              item,
              open: open === item.id,
              onOpen: () => setOpen(open === item.id ? null : item.id)
            }),
            open === item.id && card(item)
          )
        )
      );
    }
    function List({ page, open, setOpen, card }) {
      const row = (item) => {
        const onOpen = () => setOpen(open === item.id ? null : item.id);
        return h6(
          Fragment2,
          { key: item.id },
          h6(
            "tr",
            { className: "item", onClick: onOpen },
            h6("td", null, h6(Cell, { item, open: open === item.id, named: false })),
            h6("td", null, item.negative ? `not ${item.label}` : item.label),
            h6("td", null, item.image),
            h6("td", null, item.negative ? item.reason : item.flags.join(", "))
          ),
          open === item.id && h6("tr", null, h6("td", { colSpan: 4 }, card(item)))
        );
      };
      const widths = ["52px", "24%", "36%", "auto"];
      return h6(
        "table",
        null,
        h6("colgroup", null, widths.map((width) => h6("col", { key: width, style: { width } }))),
        h6(
          "thead",
          null,
          h6("tr", null, ["", "Class", "File", "Look at"].map((name) => h6("th", { key: name }, name)))
        ),
        h6("tbody", null, page.items.map(row))
      );
    }
    function useChanges(head, events, box, refresh) {
      const [tags, setTags] = useState4(null);
      const shown = useRef4(head);
      shown.current = head;
      const again = useRef4(refresh);
      again.current = refresh;
      const { look } = events;
      const bank = head?.bank;
      useEffect2(() => {
        if (!bank) return void 0;
        setTags(null);
        let looks = 0;
        let asked = false;
        const ask = () => {
          if (asked || document.hidden || !box.current?.offsetParent) return;
          asked = true;
          const { version, predictions: field } = shown.current;
          const withTags = looks++ % TAGS_EVERY === 0;
          const callback = ({ result }) => {
            asked = false;
            if (!result?.version || shown.current.bank !== bank) return;
            if (withTags) setTags(result.tags);
            if (shown.current.version === version && result.version !== version) again.current();
          };
          operators2.executeOperator(look, { bank, field, tags: withTags }, { callback });
        };
        ask();
        const timer = setInterval(ask, LOOK_AGAIN);
        return () => clearInterval(timer);
      }, [bank, look, box]);
      return tags;
    }
    function BankBrowser({ schema, data }) {
      const { events } = schema.view;
      const head = useMemo(() => data?.head && JSON.parse(data.head), [data?.head]);
      const page = useMemo(() => data?.page && JSON.parse(data.page), [data?.page]);
      const trigger = operators2.useTriggerPanelEvent();
      const box = useRef4(null);
      const [open, setOpen] = useState4(null);
      const [list, setList] = useState4(false);
      const [busy, setBusy] = useState4(false);
      const choice = page && { show: page.show, search: page.search, page: page.page };
      const send = useCallback(
        (name, params = {}) => {
          setBusy(true);
          const of = { bank: head?.bank, field: head?.predictions, choice };
          trigger(events[name], { ...of, ...params }, false, () => setBusy(false));
        },
        [trigger, events, head?.bank, head?.predictions, JSON.stringify(choice)]
      );
      const tags = useChanges(head, events, box, () => send("refresh"));
      if (!head || !page) return h6("div", { className: "ntt-bank", ref: box }, "Loading…");
      const look = (changes) => {
        setOpen(null);
        send("browse", { choice: { ...choice, ...changes } });
      };
      const close = () => setOpen(null);
      const card = (item) => h6(Card, { key: item.id, item, head, busy, send, onClose: close });
      const pages = h6(Pages, { page, look });
      const shown = { page, open, setOpen, card };
      return h6(
        "div",
        { className: "ntt-bank", ref: box, "data-cy": "ntt-bank", "data-state": head.version },
        h6("style", null, STYLE2),
        h6(Operators, { head, busy, send }),
        h6(
          "p",
          null,
          h6("b", null, counted(head.references, "reference")),
          ` of ${head.classes.length === 1 ? "1 class" : `${head.classes.length} classes`}, `,
          `${head.flagged} to look at again.`,
          head.alike.length > 0 && " Classes most alike: ",
          head.alike.map(([one, other, cosine]) => `${one} and ${other} (${cosine})`).join(", "),
          head.alike.length > 0 && "."
        ),
        h6(Bar, { head, tags, busy, send }),
        h6(Filters, { key: head.bank, head, page, list, setList, look }),
        pages,
        page.items.length === 0 && h6("p", { className: "quiet" }, "None of these."),
        h6(list ? List : Pictures2, shown),
        pages
      );
    }
    plugins2.registerComponent({
      name: "NttBankBrowser",
      label: "References of a memory bank",
      component: BankBrowser,
      type: plugins2.PluginComponentType?.Component ?? 3,
      activator: () => true
    });
  })();

  // src/review/crop.js
  var { createElement: h, useLayoutEffect, useRef } = window.React ?? {};
  var LINES = [
    { width: 4, colour: "rgba(0, 0, 0, 0.6)" },
    { width: 2, colour: "#ffdc00" }
  ];
  var GONE = "No picture: its image or label is gone";
  function Crop({ picture, missing = GONE, pixels, outlined, title, onDrawn }) {
    const canvas = useRef(null);
    useLayoutEffect(() => {
      if (picture && canvas.current) draw(canvas.current, picture, outlined);
      if (picture !== void 0) onDrawn?.();
    }, [picture, pixels, outlined]);
    const said = picture === void 0 ? "…" : missing;
    return h(
      "div",
      { className: "picture", title },
      picture ? h("canvas", { ref: canvas, width: pixels, height: pixels, role: "img", "aria-label": title }) : said
    );
  }
  function draw(canvas, { bitmap, outlines }, outlined) {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, left, top, width, height);
    if (!outlined) return;
    const path = new Path2D();
    for (const outline of outlines) {
      outline.forEach(([x, y], index) => {
        const at = [left + x * width, top + y * height];
        if (index) path.lineTo(...at);
        else path.moveTo(...at);
      });
      path.closePath();
    }
    context.lineJoin = "round";
    for (const line of LINES) {
      context.lineWidth = line.width * canvas.width / 400 + 0.5;
      context.strokeStyle = line.colour;
      context.stroke(path);
    }
  }

  // src/review/outbox.js
  var PAUSES = [500, 1e3, 2e3, 5e3, 1e4, 3e4];
  var MOST = 1e3;
  var FRESH = 24 * 3600 * 1e3;
  var ALIVE = 5e3;
  var Outbox = class {
    /**
     * @param {object} parts
     * @param parts.send `(decisions, leaving) => Promise` of reports by key; rejects where unknown
     * @param parts.storage of the browser: `localStorage`, or like it
     * @param parts.place what the decisions are about, a dataset's name
     * @param parts.onChange called when there is something else to say
     * @param parts.onReport called with each decision that arrived, and what came of it
     */
    constructor({ send, storage, place, onChange = () => {
    }, onReport = () => {
    }, ...clock }) {
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
      if (this.waiting.length) this.send(this.waiting, true).catch(() => {
      });
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
        console.warn("Decisions cannot be kept in this browser:", error);
      }
      this.onChange();
    }
  };
  function read(storage, name) {
    try {
      return JSON.parse(storage.getItem(name)) ?? [];
    } catch {
      return [];
    }
  }

  // src/review/pictures.js
  var AT_ONCE = 3;
  var FIRST = 2;
  var BATCH = 8;
  var Pictures = class {
    /**
     * @param fetch `names => Promise` of `{name: {picture: data URI, outlines}}`
     * @param kept how many pictures: one of 400 px takes 0.6 MB
     */
    constructor({ fetch: fetch2, kept, decode = decoded, onChange = () => {
    }, atOnce = AT_ONCE }) {
      Object.assign(this, { fetch: fetch2, kept, decode, onChange, atOnce });
      this.known = /* @__PURE__ */ new Map();
      this.asked = /* @__PURE__ */ new Set();
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
        if (picture === void 0) continue;
        this.known.delete(name);
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
          const bitmap = one && await this.decode(one.picture).catch(() => null);
          this.asked.delete(name);
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
  };
  async function decoded(uri) {
    const text = atob(uri.slice(uri.indexOf(",") + 1));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  }

  // src/review/session.js
  var AHEAD = 20;
  var NEAR_END = 60;
  var PAGE = 500;
  var [LARGE, SMALL] = [400, 180];
  var PATIENCE = 2e3;
  var STEPS = 500;
  var GRID = 60;
  var nameOf = (item) => `${item.label_id}@${item.sample_id}`;
  var Session = class {
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
      this.small = new Pictures({ ...common, fetch: ofSide(SMALL), kept: 400 });
      this.references = new Pictures({
        ...common,
        fetch: (names) => ask("references", { bank: this.bank, names }),
        kept: 100,
        atOnce: 1
        // they may have to be looked for in the whole dataset
      });
      this.outbox = new Outbox({
        send,
        storage,
        place: dataset,
        onChange: () => this.changed(),
        onReport: (decision, report) => this.reported(decision, report)
      });
      this.choice = { field: null, order: "doubt", classes: null };
      this.loading = true;
      this.items = [];
      this.names = /* @__PURE__ */ new Map();
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
      const asked = this.asked = {};
      this.loading = true;
      this.items = [];
      this.grid = null;
      this.changed();
      let found;
      try {
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
      const known2 = field === this.shown ? this.classes : [];
      this.classes = [.../* @__PURE__ */ new Set([...known2, ...classes ?? []])];
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
        this.items.push(...fresh.map((item) => this.known(item)));
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
      const groups = /* @__PURE__ */ new Map();
      step.items.forEach((item, index) => {
        const { decision, label } = step.before[index];
        const key = JSON.stringify([decision, label]);
        groups.set(key, [...groups.get(key) ?? [], item]);
      });
      for (const [key, items] of groups) {
        const [decision, label] = JSON.parse(key);
        const names = items.map(nameOf);
        const send = (verdict2) => this.outbox.add({ field: step.field, names, verdict: verdict2, label });
        if (!decision) send("undecide");
        else send("relabel");
        if (decision === "rejected") send("reject");
        const verdict = { accepted: "accept", rejected: "reject" }[decision] ?? "undecide";
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
      return void 0;
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
      this.step([item], lesson === "reference" ? "accept" : "reject", void 0, { lesson, bank });
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
            negative: `A negative of “${bank}” now: not ${item.label}`
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
      const lost = [...report.changed ?? [], ...report.gone ?? [], ...report.contested ?? []];
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
      this.grid = { label: of, all: [], items: [], start: 0, marked: /* @__PURE__ */ new Set(), loading: true };
      const { grid } = this;
      this.changed();
      try {
        const { field, order } = this.choice;
        const params = { field, order: order === "class" ? "doubt" : order, classes: [of] };
        const found = await this.ask("queue", { ...params, limit: 2 * PAGE });
        if (grid !== this.grid) return;
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
      grid.marked = /* @__PURE__ */ new Set();
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
      if (verdict === "accept") {
        const there = new Set(this.grid.items.map(nameOf));
        this.grid.marked = new Set(rest.filter((name) => there.has(name)));
      }
      this.changed();
    }
  };

  // src/review/grid.js
  var { createElement: h2, useRef: useRef2, useState } = window.React ?? {};
  var PIXELS = 180;
  var DRAWN = 5;
  var between = (one, other) => [Math.min(one, other), Math.max(one, other)];
  function met(box, [left, right], [top, bottom]) {
    const names = [];
    for (const cell of box.querySelectorAll("[data-name]")) {
      const at = cell.getBoundingClientRect();
      if (at.right > left && at.left < right && at.bottom > top && at.top < bottom) {
        names.push(cell.dataset.name);
      }
    }
    return names;
  }
  function Grid({ session, outlined }) {
    const { grid } = session;
    const box = useRef2(null);
    const start = useRef2(null);
    const [area, setArea] = useState(null);
    const span = (event) => [
      between(start.current.x, event.clientX),
      between(start.current.y, event.clientY)
    ];
    const onPointerDown = (event) => {
      if (event.button !== 0) return;
      start.current = { x: event.clientX, y: event.clientY };
      event.currentTarget.setPointerCapture?.(event.pointerId);
    };
    const onPointerMove = (event) => {
      if (!start.current) return;
      const [across, down] = span(event);
      if (!area && across[1] - across[0] < DRAWN && down[1] - down[0] < DRAWN) return;
      const origin = box.current.getBoundingClientRect();
      setArea({
        left: across[0] - origin.left,
        top: down[0] - origin.top,
        width: across[1] - across[0],
        height: down[1] - down[0]
      });
    };
    const onPointerUp = (event) => {
      if (!start.current) return;
      const names = met(box.current, ...span(event));
      session.mark(area ? names : names.slice(0, 1), area ? !event.shiftKey : void 0);
      start.current = null;
      setArea(null);
    };
    if (grid.loading) return h2("p", { className: "quiet" }, "Loading…");
    if (!grid.items.length) {
      return h2("p", { "data-cy": "ntt-review-end" }, `No ${grid.label} is left to decide.`);
    }
    return h2(
      "div",
      {
        className: "cells",
        "data-cy": "ntt-review-grid",
        ref: box,
        onPointerDown,
        onPointerMove,
        onPointerUp,
        onPointerCancel: () => {
          start.current = null;
          setArea(null);
        }
      },
      grid.items.map((item) => {
        const name = nameOf(item);
        const marked = grid.marked.has(name);
        return h2(
          "div",
          {
            key: name,
            className: marked ? "cell marked" : "cell",
            "data-name": name,
            title: item.reasons.join(", ")
          },
          h2(Crop, { picture: session.small.get(name), pixels: PIXELS, outlined, title: item.label })
        );
      }),
      area && h2("div", { className: "area", style: area })
    );
  }

  // src/review/keys.js
  var DIGITS = 9;
  function actions(session, { type, outline }) {
    const { item, grid } = session;
    if (grid) return gridActions(session, { type, outline });
    return [
      ["a", "Accept", item && (() => session.decide("accept"))],
      ["r", "Reject", item && (() => session.decide("reject"))],
      [
        "s",
        item?.runner_up ? `It is ${item.runner_up}` : "Runner-up",
        item?.runner_up && (() => session.decide("relabel", item.runner_up))
      ],
      ["/", "Other class", item && type],
      ["f", "Use as reference", item && session.bank && (() => session.teach("reference"))],
      ["n", "Use as negative", item && session.bank && (() => session.teach("negative"))],
      ["z", "Undo", session.steps.length > 0 && (() => session.undo())],
      ["ArrowLeft", "Back", session.index > 0 && (() => session.go(-1))],
      ["ArrowRight", "Next", item && (() => session.go(1))],
      ["g", "Grid", (item || session.items.length > 0) && (() => session.openGrid())],
      ["m", "Mask on / off", outline]
    ];
  }
  function gridActions(session, { type, outline }) {
    const { grid } = session;
    const wrong = grid.marked.size;
    const right = grid.items.length - wrong;
    return [
      [
        "a",
        right ? `Accept the ${wrong ? "other " : ""}${right}` : "Accept",
        right > 0 && (() => session.decideGrid("accept"))
      ],
      [
        "r",
        wrong ? `Reject ${these(wrong)}` : "Reject those marked",
        wrong > 0 && (() => session.decideGrid("reject"))
      ],
      ["/", wrong ? `Other class for ${these(wrong)}` : "Another class's grid", type],
      ["x", "Mark none", wrong > 0 && (() => session.mark([...grid.marked], false))],
      ["z", "Undo", session.steps.length > 0 && (() => session.undo())],
      ["ArrowLeft", "Back", grid.start > 0 && (() => session.turn(-1))],
      ["ArrowRight", "Next", grid.start + grid.items.length < grid.open && (() => session.turn(1))],
      ["g", "One by one", () => session.closeGrid()],
      ["m", "Mask on / off", outline]
    ];
  }
  var these = (count) => count === 1 ? "this 1" : `these ${count}`;
  var numbered = (session) => session.classes.slice(0, DIGITS);
  function choose(session, label) {
    if (!session.grid) session.decide("relabel", label);
    else if (session.grid.marked.size) session.decideGrid("relabel", label);
    else session.openGrid(label);
  }
  function press(session, key, ways) {
    const wanted = key === "Escape" && session.grid ? "g" : key.length === 1 ? key.toLowerCase() : key;
    const found = actions(session, ways).find(([known2]) => known2 === wanted);
    if (found) {
      if (found[2]) found[2]();
      return true;
    }
    const label = /^[1-9]$/.test(key) && numbered(session)[Number(key) - 1];
    if (!label || !session.grid && !session.item) return false;
    choose(session, label);
    return true;
  }
  var shownKey = (key) => ({ ArrowLeft: "←", ArrowRight: "→" })[key] ?? key.toUpperCase();

  // src/review/one.js
  var { createElement: h3, Fragment } = window.React ?? {};
  var PIXELS2 = 480;
  var share = (value) => value == null ? "unknown" : value.toFixed(2);
  function One({ session, outlined, onDrawn }) {
    const { item } = session;
    if (!item) return h3(End, { session });
    const name = nameOf(item);
    return h3(
      "div",
      { className: "one", "data-cy": "ntt-review-item", "data-name": name },
      h3(
        "div",
        { className: "pictures" },
        h3(
          "figure",
          null,
          h3(Crop, {
            picture: session.pictures.get(name),
            pixels: PIXELS2,
            outlined,
            title: item.label,
            onDrawn
          }),
          h3("figcaption", null, "Prediction")
        ),
        h3(Nearest, { session, item, outlined })
      ),
      h3(Said, { item })
    );
  }
  function Nearest({ session, item, outlined }) {
    const id = item.nearest_reference;
    const missing = id ? !session.bank && "Its memory bank is gone" : "It names no reference";
    return h3(
      "figure",
      { "data-cy": "ntt-review-reference" },
      h3(Crop, {
        picture: missing ? null : session.references.get(id),
        missing: missing || "The reference's label is gone",
        pixels: PIXELS2,
        outlined,
        title: `A reference of ${item.label}`
      }),
      h3("figcaption", null, "The reference it resembles most")
    );
  }
  function Said({ item }) {
    const { decision, confidence, chance, margin, runner_up: runnerUp, reasons } = item;
    const said = { accepted: "accepted", rejected: "rejected", changed: "changed meanwhile" }[decision];
    return h3(
      "div",
      { className: "said" },
      h3(
        "h3",
        { "data-cy": "ntt-review-label" },
        item.label,
        " ",
        said && h3("span", { className: `badge ${decision}` }, said)
      ),
      h3(
        "p",
        null,
        `Confidence ${share(confidence)}`,
        chance != null && `, right with a chance of ${Math.round(100 * chance)} %`
      ),
      h3(
        "p",
        null,
        runnerUp ? h3(Fragment, null, "Runner-up ", h3("b", null, runnerUp)) : "No runner-up",
        runnerUp && margin != null && `, behind by ${margin.toFixed(3)}`
      ),
      reasons.length > 0 && h3("p", null, `Doubtful: ${reasons.join("; ")}`)
    );
  }
  function End({ session }) {
    const { items, loading, left } = session;
    if (loading) return h3("p", { className: "quiet" }, "Loading…");
    if (!items.length) return h3("p", { "data-cy": "ntt-review-end" }, "Nothing is left to decide here.");
    const skipped = items.some((item) => !item.decision);
    return h3(
      "p",
      { "data-cy": "ntt-review-end" },
      left > 0 ? `The end of the queue; ${left} are left open. ` : "All decided. ",
      skipped && h3("button", { onClick: () => session.first() }, "From the start")
    );
  }

  // src/review/server.js
  var MOST_KEPT_ALIVE = 6e4;
  function panelServer(operator, dataset) {
    const { __foo__: operators2, __fou__: utilities2 } = window;
    const answered = ({ result, error, errorMessage, error_message: message }) => {
      if (error) throw new Error(errorMessage ?? message ?? "FiftyOne's server reports an error");
      if (result?.error) throw new Error(result.error);
      return result;
    };
    const inView = (method, params) => new Promise((resolve, reject) => {
      const callback = (given) => {
        try {
          resolve(answered(given));
        } catch (error) {
          reject(error);
        }
      };
      operators2.executeOperator(`${operator}#${method}`, params, { callback });
    });
    const post = async (method, params) => {
      const body = JSON.stringify({
        operator_uri: operator,
        dataset_name: dataset,
        params: { ...params, __method__: method }
      });
      const request = {
        method: "POST",
        headers: { "Content-Type": "application/json", ...utilities2.getFetchHeaders() },
        body
      };
      const url = utilities2.getFetchUrl("/operators/execute");
      const response = await (body.length < MOST_KEPT_ALIVE ? fetch(url, { ...request, keepalive: true }).catch((error) => {
        if (document.visibilityState === "hidden") throw error;
        return fetch(url, request);
      }) : fetch(url, request));
      if (!response.ok) throw new Error(`FiftyOne's server says ${response.status}`);
      return answered(await response.json());
    };
    return {
      ask: (method, params) => (method === "queue" ? inView : post)(method, params),
      send: async (decisions) => (await post("decide", { decisions })).reports
    };
  }

  // src/review/style.js
  var STYLE = `
.ntt-review { color: var(--fo-palette-text-primary); font-size: 14px; line-height: 1.4;
  width: 100%; min-width: 0; padding: 6px; border-radius: 6px; overflow-wrap: anywhere;
  outline: none; border: 2px solid transparent; container-type: inline-size; }
.ntt-review:focus-within { border-color: var(--fo-palette-primary-plainColor); }
.ntt-review * { box-sizing: border-box; }
.ntt-review button, .ntt-review select, .ntt-review input { font: inherit; color: inherit;
  background: var(--fo-palette-background-level2); border: 1px solid var(--fo-palette-divider);
  border-radius: 4px; padding: 3px 8px; min-width: 0; max-width: 100%; }
.ntt-review button { cursor: pointer; display: inline-flex; align-items: center; gap: 6px; }
.ntt-review button:disabled { opacity: 0.45; cursor: default; }
.ntt-review button:hover:not(:disabled) { border-color: var(--fo-palette-text-secondary); }
.ntt-review select { max-width: 180px; }
.ntt-review .row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 0 0 8px; }
.ntt-review .row label { display: inline-flex; gap: 4px; align-items: center; min-width: 0;
  color: var(--fo-palette-text-secondary); }
.ntt-review .row label select { color: var(--fo-palette-text-primary); }
.ntt-review kbd { font: 12px/1.3 monospace; padding: 0 5px; border-radius: 3px;
  color: var(--fo-palette-text-primary); background: var(--fo-palette-background-level1);
  border: 1px solid var(--fo-palette-text-secondary); }
.ntt-review .quiet { color: var(--fo-palette-text-secondary); }
.ntt-review .bad { color: #d32f2f; font-weight: 600; }
.ntt-review .bar { height: 4px; border-radius: 2px; margin: 0 0 8px; overflow: hidden;
  background: var(--fo-palette-divider); }
.ntt-review .bar span { display: block; height: 100%;
  background: var(--fo-palette-primary-plainColor); }
.ntt-review .one { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 8px; }
.ntt-review .pictures { display: flex; gap: 12px; flex: 2 1 420px; min-width: 0; max-width: 900px; }
.ntt-review figure { flex: 1 1 0; min-width: 0; margin: 0; }
.ntt-review figcaption { color: var(--fo-palette-text-secondary); font-size: 12px; }
.ntt-review .picture { position: relative; width: 100%; aspect-ratio: 1; border-radius: 4px;
  background: #1b1b1b; color: #ccc; display: flex; align-items: center; justify-content: center;
  overflow: hidden; }
.ntt-review .picture canvas, .ntt-review .picture img { width: 100%; height: 100%; display: block;
  object-fit: contain; }
.ntt-review .said { flex: 1 1 200px; min-width: 0; min-height: 122px; }
.ntt-review h3 { margin: 0 0 4px; font-size: 20px; line-height: 1.2; font-weight: 600; }
.ntt-review p { margin: 0 0 6px; }
.ntt-review .badge { display: inline-block; font-size: 12px; line-height: 18px; padding: 0 6px;
  border-radius: 3px; color: #fff; background: #666; vertical-align: middle; }
.ntt-review .badge.accepted { background: #2e7d32; }
.ntt-review .badge.rejected { background: #c62828; }
.ntt-review .badge.changed { background: #b26a00; }
.ntt-review .matches { display: flex; flex-direction: column; gap: 2px; margin: 0 0 8px;
  max-width: 320px; }
.ntt-review .matches button.chosen { border-color: var(--fo-palette-primary-plainColor); }
.ntt-review .sticky { position: sticky; top: 0; z-index: 2; padding: 6px; border-radius: 4px;
  background: var(--fo-palette-background-level1); border: 1px solid var(--fo-palette-divider); }
.ntt-review .cells { position: relative; display: grid; gap: 6px; user-select: none;
  touch-action: none; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); }
.ntt-review .cell { position: relative; border: 3px solid transparent; border-radius: 5px;
  cursor: pointer; min-width: 0; }
.ntt-review .cell.marked { border-color: #d32f2f; }
.ntt-review .cell.marked::after { content: "\\00d7"; position: absolute; top: 2px; right: 2px;
  width: 20px; height: 20px; border-radius: 10px; background: #d32f2f; color: #fff;
  font-size: 16px; line-height: 20px; text-align: center; }
.ntt-review .area { position: absolute; z-index: 1; pointer-events: none;
  border: 1px solid #d32f2f; background: rgba(211, 47, 47, 0.2); }
`;

  // src/review/typeahead.js
  var { createElement: h4, useState: useState2 } = window.React ?? {};
  var SHOWN = 8;
  function matching(classes, typed) {
    const text = typed.trim().toLowerCase();
    const rank = (name) => name.toLowerCase().startsWith(text) ? 0 : 1;
    return classes.filter((name) => name.toLowerCase().includes(text)).sort((one, other) => rank(one) - rank(other)).slice(0, SHOWN);
  }
  function TypeAhead({ classes, canBeNew, onChoose, onClose }) {
    const [typed, setTyped] = useState2("");
    const [at, setAt] = useState2(0);
    const name = typed.trim();
    const found = matching(classes, typed);
    const offered = found.map((label) => [label, label]);
    if (canBeNew && name && !classes.includes(name)) offered.push([name, `New class “${name}”`]);
    const chosen = Math.min(at, offered.length - 1);
    const onKeyDown = (event) => {
      event.stopPropagation();
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") onClose();
      else if (event.key === "Enter" && offered.length) onChoose(offered[chosen][0]);
      else if (move) setAt(Math.max(0, Math.min(chosen + move, offered.length - 1)));
      else return;
      event.preventDefault();
    };
    return h4(
      "div",
      { className: "matches", "data-cy": "ntt-review-classes" },
      h4("input", {
        autoFocus: true,
        placeholder: "Class",
        "aria-label": "Class",
        value: typed,
        onChange: (event) => {
          setTyped(event.target.value);
          setAt(0);
        },
        onKeyDown
      }),
      offered.map(
        ([label, said], index) => h4(
          "button",
          { key: said, className: index === chosen ? "chosen" : "", onClick: () => onChoose(label) },
          said
        )
      )
    );
  }

  // src/review/panel.js
  var { React, recoil, __fop__: plugins, __foo__: operators, __fos__: state } = window;
  var { __fou__: utilities } = window;
  var ADOPT_AGAIN = 6e3;
  var TIMING = "ntt-review-key-to-crop";
  var known = React && recoil?.useRecoilValue && plugins?.registerComponent && operators?.executeOperator && state?.datasetName && state?.view && state?.filters && utilities?.getFetchUrl && utilities?.getFetchHeaders;
  var { createElement: h5, useEffect, useReducer, useRef: useRef3, useState: useState3 } = React ?? {};
  var typing = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
  function Review({ schema }) {
    const dataset = recoil.useRecoilValue(state.datasetName);
    const view = recoil.useRecoilValue(state.view);
    const filters = recoil.useRecoilValue(state.filters);
    const shown = JSON.stringify([view, filters]);
    const { operator } = schema.view;
    return h5(OfDataset, { key: dataset, dataset, operator, shown });
  }
  function OfDataset({ dataset, operator, shown }) {
    const [, redraw] = useReducer((count) => count + 1, 0);
    const [session] = useState3(
      () => new Session({ ...panelServer(operator, dataset), storage: localStorage, dataset })
    );
    const [outlined, setOutlined] = useState3(true);
    const [isTyping, setTyping] = useState3(false);
    const root = useRef3(null);
    const pressed = useRef3(null);
    useEffect(() => {
      session.listeners = redraw;
      const { outbox } = session;
      const leave = () => outbox.leave();
      addEventListener("pagehide", leave);
      outbox.adopt();
      const timer = setTimeout(() => outbox.adopt(), ADOPT_AGAIN);
      if (document.activeElement === document.body) root.current.focus();
      return () => {
        session.listeners = null;
        clearTimeout(timer);
        outbox.idle().then(() => removeEventListener("pagehide", leave));
      };
    }, [session]);
    useEffect(() => {
      session.open();
    }, [session, shown]);
    const ways = {
      type: () => setTyping(true),
      outline: () => setOutlined(!outlined)
    };
    const back = () => root.current?.focus({ preventScroll: true });
    const closeTyping = () => {
      setTyping(false);
      back();
    };
    const onKeyDown = (event) => {
      event.stopPropagation();
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
      const before = session.item;
      if (!press(session, event.key, ways)) return;
      event.preventDefault();
      pressed.current = session.item === before ? null : event.timeStamp;
    };
    const onDrawn = () => {
      const start = pressed.current;
      if (start == null) return;
      pressed.current = null;
      requestAnimationFrame(
        () => setTimeout(() => {
          if (performance.getEntriesByName(TIMING).length > 500) performance.clearMeasures(TIMING);
          performance.measure(TIMING, { start, end: performance.now() });
        })
      );
    };
    const onClick = (event) => {
      if (!typing(event.target)) back();
    };
    return h5(
      "div",
      {
        className: "ntt-review",
        "data-cy": "ntt-review",
        ref: root,
        tabIndex: 0,
        onKeyDown,
        onKeyUp: (event) => event.stopPropagation(),
        onClick
      },
      h5("style", null, STYLE),
      h5(Head, { session, back }),
      isTyping && h5(TypeAhead, {
        classes: session.classes,
        canBeNew: !session.grid || session.grid.marked.size > 0,
        onClose: closeTyping,
        onChoose: (label) => {
          closeTyping();
          choose(session, label);
        }
      }),
      h5(Message, { session }),
      // Pictures stay where they are, whatever is said of them.
      !session.grid && h5(One, { session, outlined, onDrawn }),
      h5(Keys, { session, ways }),
      h5(Classes, { session, isTyping }),
      session.grid && h5(Grid, { session, outlined })
    );
  }
  function Head({ session, back }) {
    const { choice, fields, classes, decided, left, loading, outbox, grid } = session;
    if (!loading && !fields.length) {
      return h5("p", null, "There are no predictions yet. Segment with a memory bank first.");
    }
    const chooser = (label, value, options, name, onChange) => h5(
      "label",
      null,
      label,
      h5(
        "select",
        {
          value,
          "data-cy": `ntt-review-${name}`,
          onChange: (event) => {
            onChange(event.target.value);
            back();
          }
        },
        options.map(([key, said]) => h5("option", { key, value: key }, said))
      )
    );
    const orders = [
      ["doubt", "most doubtful first"],
      ["class", "by class"],
      ["confidence", "most confident first"]
    ];
    const ofClass = choice.classes?.[0] ?? "";
    const share2 = decided + left > 0 ? 100 * decided / (decided + left) : 0;
    return h5(
      React.Fragment,
      null,
      h5(
        "div",
        { className: "row" },
        fields.length > 1 && chooser(
          "Field",
          choice.field ?? "",
          fields.map((field) => [field, field]),
          "field",
          (field) => session.open({ field, classes: null })
        ),
        !grid && chooser("Order", choice.order, orders, "order", (order) => session.open({ order })),
        !grid && chooser(
          "Class",
          ofClass,
          [["", "all"], ...classes.map((name) => [name, name])],
          "class",
          (label) => session.open({ classes: label ? [label] : null })
        ),
        grid && h5("b", null, grid.label),
        h5("span", { "data-cy": "ntt-review-progress" }, `${decided} decided, ${left} left`),
        h5(Saving, { outbox, teaching: session.teaching }),
        h5("button", { onClick: () => session.open() }, "Reload")
      ),
      h5("div", { className: "bar" }, h5("span", { style: { width: `${share2}%` } }))
    );
  }
  function Saving({ outbox, teaching }) {
    const { pending, problem } = outbox;
    const said = [];
    if (problem) said.push(`Not saved yet: ${pending} (${problem}). Trying again`);
    else if (pending) said.push("Saving…");
    if (teaching) said.push("The bank learns…");
    const kind = problem ? "bad" : "quiet";
    return h5("span", { className: kind, role: "status", "data-cy": "ntt-review-saving" }, said.join(" "));
  }
  function Keys({ session, ways }) {
    return h5(
      "div",
      { className: session.grid ? "row sticky" : "row" },
      actions(session, ways).map(
        ([key, label, work]) => h5(
          "button",
          { key, disabled: !work, "data-cy": `ntt-review-key-${key}`, onClick: () => work() },
          h5("kbd", null, shownKey(key)),
          label
        )
      )
    );
  }
  function Classes({ session, isTyping }) {
    const { grid, item } = session;
    if (isTyping || !grid && !item) return null;
    return h5(
      "div",
      { className: "row", "data-cy": "ntt-review-digits" },
      numbered(session).map(
        (label, index) => h5(
          "button",
          { key: label, onClick: () => choose(session, label) },
          h5("kbd", null, index + 1),
          label
        )
      )
    );
  }
  function Message({ session }) {
    const { message, grid } = session;
    const hint = grid ? `${grid.items.length} of ${grid.open ?? 0} open ones. Click the wrong ones, or draw over them.` : "Keys work while this panel has its frame: click into it.";
    return h5(
      "p",
      { className: message?.bad ? "bad" : "quiet", "data-cy": "ntt-review-message" },
      message?.text ?? hint
    );
  }
  if (known) {
    plugins.registerComponent({
      name: "NttReview",
      label: "Review of predictions",
      component: Review,
      type: plugins.PluginComponentType?.Component ?? 3,
      activator: () => true
    });
  } else {
    console.warn("fiftyone-ntt does not know this version of FiftyOne: nothing can be reviewed");
  }
})();
