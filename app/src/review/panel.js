// The Review panel. Its keys work while it has the focus, and none of them reaches FiftyOne's own
// shortcuts from there; elsewhere all keys are FiftyOne's.
import { Grid } from "./grid.js";
import { actions, choose, numbered, press, shownKey } from "./keys.js";
import { One } from "./one.js";
import { panelServer } from "./server.js";
import { Session } from "./session.js";
import { STYLE } from "./style.js";
import { TypeAhead } from "./typeahead.js";

const { React, recoil, __fop__: plugins, __foo__: operators, __fos__: state } = window;
const { __fou__: utilities } = window;
const ADOPT_AGAIN = 6000; // ms: a panel that is gone by then has sent what it could
export const TIMING = "ntt-review-key-to-crop"; // of the browser's User Timing

const known =
  React &&
  recoil?.useRecoilValue &&
  plugins?.registerComponent &&
  operators?.executeOperator &&
  state?.datasetName &&
  state?.view &&
  state?.filters &&
  utilities?.getFetchUrl &&
  utilities?.getFetchHeaders;

const { createElement: h, useEffect, useReducer, useRef, useState } = React ?? {};

const typing = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);

function Review({ schema }) {
  const dataset = recoil.useRecoilValue(state.datasetName);
  const view = recoil.useRecoilValue(state.view);
  const filters = recoil.useRecoilValue(state.filters);
  const shown = JSON.stringify([view, filters]);
  const { operator } = schema.view;
  return h(OfDataset, { key: dataset, dataset, operator, shown });
}

function OfDataset({ dataset, operator, shown }) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const [session] = useState(
    () => new Session({ ...panelServer(operator, dataset), storage: localStorage, dataset })
  );
  const [outlined, setOutlined] = useState(true);
  const [isTyping, setTyping] = useState(false);
  const root = useRef(null);
  const pressed = useRef(null);

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
      // Decisions that are under way outlive the panel.
      outbox.idle().then(() => removeEventListener("pagehide", leave));
    };
  }, [session]);
  useEffect(() => {
    session.open();
  }, [session, shown]);

  const ways = {
    type: () => setTyping(true),
    outline: () => setOutlined(!outlined),
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
    // After the frame that shows it.
    requestAnimationFrame(() =>
      setTimeout(() => {
        if (performance.getEntriesByName(TIMING).length > 500) performance.clearMeasures(TIMING);
        performance.measure(TIMING, { start, end: performance.now() });
      })
    );
  };
  const onClick = (event) => {
    if (!typing(event.target)) back();
  };

  return h(
    "div",
    {
      className: "ntt-review",
      "data-cy": "ntt-review",
      ref: root,
      tabIndex: 0,
      onKeyDown,
      onKeyUp: (event) => event.stopPropagation(),
      onClick,
    },
    h("style", null, STYLE),
    h(Head, { session, back }),
    isTyping &&
      h(TypeAhead, {
        classes: session.classes,
        canBeNew: !session.grid || session.grid.marked.size > 0,
        onClose: closeTyping,
        onChoose: (label) => {
          closeTyping();
          choose(session, label);
        },
      }),
    h(Message, { session }),
    // Pictures stay where they are, whatever is said of them.
    !session.grid && h(One, { session, outlined, onDrawn }),
    h(Keys, { session, ways }),
    h(Classes, { session, isTyping }),
    session.grid && h(Grid, { session, outlined })
  );
}

function Head({ session, back }) {
  const { choice, fields, classes, decided, left, loading, outbox, grid } = session;
  if (!loading && !fields.length) {
    return h("p", null, "There are no predictions yet. Segment with a memory bank first.");
  }
  const chooser = (label, value, options, name, onChange) =>
    h(
      "label",
      null,
      label,
      h(
        "select",
        {
          value,
          "data-cy": `ntt-review-${name}`,
          onChange: (event) => {
            onChange(event.target.value);
            back();
          },
        },
        options.map(([key, said]) => h("option", { key, value: key }, said))
      )
    );
  const orders = [
    ["doubt", "most doubtful first"],
    ["class", "by class"],
    ["confidence", "most confident first"],
  ];
  const ofClass = choice.classes?.[0] ?? "";
  const share = decided + left > 0 ? (100 * decided) / (decided + left) : 0;
  return h(
    React.Fragment,
    null,
    h(
      "div",
      { className: "row" },
      fields.length > 1 &&
        chooser("Field", choice.field ?? "", fields.map((field) => [field, field]), "field", (field) =>
          session.open({ field, classes: null })
        ),
      !grid &&
        chooser("Order", choice.order, orders, "order", (order) => session.open({ order })),
      !grid &&
        chooser(
          "Class",
          ofClass,
          [["", "all"], ...classes.map((name) => [name, name])],
          "class",
          (label) => session.open({ classes: label ? [label] : null })
        ),
      grid && h("b", null, grid.label),
      h("span", { "data-cy": "ntt-review-progress" }, `${decided} decided, ${left} left`),
      h(Saving, { outbox, teaching: session.teaching }),
      h("button", { onClick: () => session.open() }, "Reload")
    ),
    h("div", { className: "bar" }, h("span", { style: { width: `${share}%` } }))
  );
}

function Saving({ outbox, teaching }) {
  const { pending, problem } = outbox;
  const said = [];
  if (problem) said.push(`Not saved yet: ${pending} (${problem}). Trying again`);
  else if (pending) said.push("Saving…");
  if (teaching) said.push("The bank learns…");
  const kind = problem ? "bad" : "quiet";
  return h("span", { className: kind, role: "status", "data-cy": "ntt-review-saving" }, said.join(" "));
}

function Keys({ session, ways }) {
  return h(
    "div",
    { className: session.grid ? "row sticky" : "row" },
    actions(session, ways).map(([key, label, work]) =>
      h(
        "button",
        { key, disabled: !work, "data-cy": `ntt-review-key-${key}`, onClick: () => work() },
        h("kbd", null, shownKey(key)),
        label
      )
    )
  );
}

function Classes({ session, isTyping }) {
  const { grid, item } = session;
  if (isTyping || (!grid && !item)) return null;
  return h(
    "div",
    { className: "row", "data-cy": "ntt-review-digits" },
    numbered(session).map((label, index) =>
      h(
        "button",
        { key: label, onClick: () => choose(session, label) },
        h("kbd", null, index + 1),
        label
      )
    )
  );
}

function Message({ session }) {
  const { message, grid } = session;
  const hint = grid
    ? `${grid.items.length} of ${grid.open ?? 0} open ones. Click the wrong ones, or draw over them.`
    : "Keys work while this panel has its frame: click into it.";
  return h(
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
    activator: () => true,
  });
} else {
  console.warn("fiftyone-ntt does not know this version of FiftyOne: nothing can be reviewed");
}
