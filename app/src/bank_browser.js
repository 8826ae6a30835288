// The list of a memory bank's references in the Memory Bank panel: pictures in as many columns as
// there is room for, a card for the one that was clicked, and what to do with it. The panel's
// Python sends a page at a time and makes the changes; what is looked at is known here alone, and
// goes along with each event.
(() => {
  const { React, __fop__: plugins, __foo__: operators } = window;
  if (!React || !plugins?.registerComponent || !operators?.useTriggerPanelEvent) {
    console.warn("fiftyone-ntt does not know this version of FiftyOne: references are not listed");
    return;
  }
  const { createElement: h, Fragment, useCallback, useEffect, useMemo, useRef, useState } = React;
  const LOOK_AGAIN = 4000; // ms between two looks whether the bank was changed elsewhere
  const TAGS_EVERY = 8; // looks, until it is also looked at the tags, which takes longer
  const TYPING = 300; // ms without a key, until what was typed is searched

  const STYLE = `
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

  // Not `scrollIntoView`, which moves the whole App, too.
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
    return h(
      "span",
      { className: "picture" },
      item.picture && h("img", { src: item.picture, loading: "lazy", alt: "" }),
      item.flags.length > 0 && h("span", { className: "flag", "aria-hidden": true }, "!")
    );
  }

  function Cell({ item, open, onOpen, named = true }) {
    const flags = item.flags.join(", ");
    const said = [item.negative ? `not ${item.label}` : item.label, item.image, flags];
    const title = said.filter(Boolean).join("\n");
    const kind = `cell${item.flags.length ? " flagged" : ""}${open ? " open" : ""}`;
    return h(
      "button",
      {
        className: kind,
        title,
        "aria-label": title.replaceAll("\n", ", "),
        "aria-expanded": open,
        "data-cy": "ntt-reference",
        onClick: onOpen,
      },
      h(Picture, { item }),
      named && h("span", { className: "name" }, said[0])
    );
  }

  function Classes({ head, item, busy, onChange }) {
    const [naming, setNaming] = useState(false);
    const [name, setName] = useState("");
    const others = head.classes.map(([known]) => known).filter((known) => known !== item.label);
    if (naming) {
      const given = name.trim();
      return h(
        Fragment,
        null,
        h("input", {
          autoFocus: true,
          placeholder: "Name of the class",
          value: name,
          onChange: (event) => setName(event.target.value),
          onKeyDown: (event) => event.key === "Enter" && given && onChange(given),
        }),
        h("button", { disabled: busy || !given, onClick: () => onChange(given) }, "Change")
      );
    }
    const choose = (value) => (value === "" ? setNaming(true) : onChange(others[Number(value)]));
    return h(
      "select",
      {
        value: "title",
        disabled: busy,
        "aria-label": "Change class to",
        "data-cy": "ntt-change-class",
        onChange: (event) => choose(event.target.value),
      },
      h("option", { value: "title", disabled: true }, "Change class to…"),
      others.map((known, index) => h("option", { key: known, value: index }, known)),
      h("option", { value: "" }, "Another name…")
    );
  }

  function Card({ item, head, busy, send, onClose }) {
    const [large, setLarge] = useState(null);
    const box = useRef(null);
    useEffect(() => {
      let there = true;
      scrollTo(box.current);
      operators.executeOperator(
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
    return h(
      "div",
      {
        className: "card",
        ref: box,
        "data-cy": "ntt-card",
        onKeyDown: (event) => event.key === "Escape" && onClose(),
      },
      h("div", { className: "large" }, picture && h("img", { src: picture, alt: item.label })),
      h(
        "div",
        { className: "said" },
        h("h4", null, item.negative ? `not ${item.label}` : item.label),
        h("p", { className: "quiet" }, item.image),
        item.flags.length > 0 && h("ul", null, item.flags.map((flag) => h("li", { key: flag }, flag))),
        item.negative
          ? h("p", null, `A negative: ${item.reason}.`)
          : h("p", null, `${item.drop ? "Better without it" : "Better with it"}: ${item.reason}.`),
        item.agreement != null &&
          h("p", { className: "quiet" }, `Agreement with its class: ${item.agreement} of 1`),
        h(
          "div",
          { className: "row" },
          h(
            "button",
            { disabled: busy, "data-cy": "ntt-remove", onClick: () => send("remove", what) },
            "Remove from bank"
          ),
          item.nearest &&
            h("button", { disabled: busy, onClick: () => change(item.nearest) }, `It is ${item.nearest}`),
          !item.negative && h(Classes, { head, item, busy, onChange: change }),
          item.sample &&
            h("button", { onClick: () => send("open_sample", { sample: item.sample }) }, "Open sample"),
          item.sample &&
            !item.negative &&
            h("button", { onClick: () => send("show_in_grid", what) }, "Show in grid"),
          head.change && h("button", { disabled: busy, onClick: () => send("undo") }, "Undo"),
          h("button", { onClick: onClose }, "Close")
        )
      )
    );
  }

  function Bar({ head, tags, busy, send }) {
    const { change, relabel } = head;
    const undo = () =>
      h("button", { disabled: busy, "data-cy": "ntt-undo", onClick: () => send("undo") }, "Undo");
    return h(
      Fragment,
      null,
      relabel &&
        h(
          "div",
          { className: "row bar", "data-cy": "ntt-bar" },
          h(
            "span",
            null,
            "Bank changed",
            change && `: ${change}`,
            ". ",
            h("b", null, relabel.field),
            " was made before."
          ),
          change && undo(),
          h(
            "button",
            {
              className: "main",
              disabled: busy,
              "data-cy": "ntt-relabel",
              onClick: () => send("relabel"),
            },
            `Relabel ${counted(relabel.images, "image")}`
          )
        ),
      change &&
        !relabel &&
        h(
          "div",
          { className: "row" },
          h("span", { className: "quiet" }, `Last change: ${change}.`),
          undo()
        ),
      tags &&
        h(
          "div",
          { className: "row bar", "data-cy": "ntt-tags" },
          h(
            "span",
            null,
            "The tagged references changed since this bank was built: ",
            `${tags.now} now, ${tags.then} then.`
          ),
          h("button", { disabled: busy, onClick: () => send("rebuild") }, "Rebuild")
        )
    );
  }

  // What is done with a bank: each button opens the form of an operator.
  function Operators({ head, busy, send }) {
    return head.buttons.map((buttons) =>
      h(
        "div",
        { className: "row", key: buttons[0].operator },
        buttons.map(({ operator, label, given }) =>
          h(
            "button",
            { key: operator, disabled: busy, onClick: () => send("press", { operator, given }) },
            label
          )
        )
      )
    );
  }

  function Filters({ head, page, list, setList, look }) {
    const [typed, setTyped] = useState(page.search);
    const waiting = useRef(null);
    const search = (value) => {
      setTyped(value);
      clearTimeout(waiting.current);
      waiting.current = setTimeout(() => look({ search: value, page: 0 }), TYPING);
    };
    const choice = (show, label, count) =>
      (count > 0 || page.show === show) &&
      h(
        "button",
        {
          className: page.show === show ? "chosen" : "",
          "aria-pressed": page.show === show,
          onClick: () => look({ show, page: 0 }),
        },
        `${label} (${count})`
      );
    return h(
      "div",
      { className: "row" },
      choice("all", "All", head.references),
      choice("flagged", "Only flagged", head.flagged),
      choice("negatives", "Negatives", head.negatives),
      h("input", {
        type: "search",
        placeholder: "Class or file",
        "aria-label": "Search by class or file",
        value: typed,
        onChange: (event) => search(event.target.value),
      }),
      h("button", { onClick: () => setList(!list) }, list ? "Pictures" : "List")
    );
  }

  function Pages({ page, look }) {
    if (page.pages < 2) return null;
    const to = (label, other) =>
      h(
        "button",
        { disabled: other < 0 || other >= page.pages, onClick: () => look({ page: other }) },
        label
      );
    return h(
      "div",
      { className: "row", "data-cy": "ntt-pages" },
      to("Back", page.page - 1),
      to("Next", page.page + 1),
      h("span", { className: "quiet" }, `Page ${page.page + 1} of ${page.pages}`)
    );
  }

  function Pictures({ page, open, setOpen, card }) {
    return h(
      "div",
      { className: "grid" },
      page.items.map((item) =>
        h(
          Fragment,
          { key: item.id },
          h(Cell, {
            item,
            open: open === item.id,
            onOpen: () => setOpen(open === item.id ? null : item.id),
          }),
          open === item.id && card(item)
        )
      )
    );
  }

  function List({ page, open, setOpen, card }) {
    const row = (item) => {
      const onOpen = () => setOpen(open === item.id ? null : item.id);
      return h(
        Fragment,
        { key: item.id },
        h(
          "tr",
          { className: "item", onClick: onOpen },
          h("td", null, h(Cell, { item, open: open === item.id, named: false })),
          h("td", null, item.negative ? `not ${item.label}` : item.label),
          h("td", null, item.image),
          h("td", null, item.negative ? item.reason : item.flags.join(", "))
        ),
        open === item.id && h("tr", null, h("td", { colSpan: 4 }, card(item)))
      );
    };
    const widths = ["52px", "24%", "36%", "auto"];
    return h(
      "table",
      null,
      h("colgroup", null, widths.map((width) => h("col", { key: width, style: { width } }))),
      h(
        "thead",
        null,
        h("tr", null, ["", "Class", "File", "Look at"].map((name) => h("th", { key: name }, name)))
      ),
      h("tbody", null, page.items.map(row))
    );
  }

  // Whether the bank, or what its predictions were made with, is another than what is shown.
  function useChanges(head, events, box, refresh) {
    const [tags, setTags] = useState(null);
    const shown = useRef(head);
    shown.current = head;
    const again = useRef(refresh);
    again.current = refresh;
    const { look } = events;
    const bank = head?.bank;
    useEffect(() => {
      if (!bank) return undefined;
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
        operators.executeOperator(look, { bank, field, tags: withTags }, { callback });
      };
      ask();
      const timer = setInterval(ask, LOOK_AGAIN);
      return () => clearInterval(timer);
    }, [bank, look, box]);
    return tags;
  }

  function BankBrowser({ schema, data }) {
    const { events } = schema.view;
    // As text: see `show_data` in the panel's Python.
    const head = useMemo(() => data?.head && JSON.parse(data.head), [data?.head]);
    const page = useMemo(() => data?.page && JSON.parse(data.page), [data?.page]);
    const trigger = operators.useTriggerPanelEvent();
    const box = useRef(null);
    const [open, setOpen] = useState(null);
    const [list, setList] = useState(false);
    const [busy, setBusy] = useState(false);
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
    if (!head || !page) return h("div", { className: "ntt-bank", ref: box }, "Loading…");
    const look = (changes) => {
      setOpen(null);
      send("browse", { choice: { ...choice, ...changes } });
    };
    const close = () => setOpen(null);
    const card = (item) => h(Card, { key: item.id, item, head, busy, send, onClose: close });
    const pages = h(Pages, { page, look });
    const shown = { page, open, setOpen, card };
    return h(
      "div",
      { className: "ntt-bank", ref: box, "data-cy": "ntt-bank", "data-state": head.version },
      h("style", null, STYLE),
      h(Operators, { head, busy, send }),
      h(
        "p",
        null,
        h("b", null, counted(head.references, "reference")),
        ` of ${head.classes.length === 1 ? "1 class" : `${head.classes.length} classes`}, `,
        `${head.flagged} to look at again.`,
        head.alike.length > 0 && " Classes most alike: ",
        head.alike.map(([one, other, cosine]) => `${one} and ${other} (${cosine})`).join(", "),
        head.alike.length > 0 && "."
      ),
      h(Bar, { head, tags, busy, send }),
      h(Filters, { key: head.bank, head, page, list, setList, look }),
      pages,
      page.items.length === 0 && h("p", { className: "quiet" }, "None of these."),
      h(list ? List : Pictures, shown),
      pages
    );
  }

  plugins.registerComponent({
    name: "NttBankBrowser",
    label: "References of a memory bank",
    component: BankBrowser,
    type: plugins.PluginComponentType?.Component ?? 3,
    activator: () => true,
  });
})();
