// One prediction, large, beside the reference that it resembles most.
import { Crop } from "./crop.js";
import { nameOf } from "./session.js";

const { createElement: h, Fragment } = window.React ?? {};
const PIXELS = 480;

const share = (value) => (value == null ? "unknown" : value.toFixed(2));

export function One({ session, outlined, onDrawn }) {
  const { item } = session;
  if (!item) return h(End, { session });
  const name = nameOf(item);
  return h(
    "div",
    { className: "one", "data-cy": "ntt-review-item", "data-name": name },
    h(
      "div",
      { className: "pictures" },
      h(
        "figure",
        null,
        h(Crop, {
          picture: session.pictures.get(name),
          pixels: PIXELS,
          outlined,
          title: item.label,
          onDrawn,
        }),
        h("figcaption", null, "Prediction")
      ),
      h(Nearest, { session, item, outlined })
    ),
    h(Said, { item })
  );
}

function Nearest({ session, item, outlined }) {
  const id = item.nearest_reference;
  const missing = id ? !session.bank && "Its memory bank is gone" : "It names no reference";
  return h(
    "figure",
    { "data-cy": "ntt-review-reference" },
    h(Crop, {
      picture: missing ? null : session.references.get(id),
      missing: missing || "The reference's label is gone",
      pixels: PIXELS,
      outlined,
      title: `A reference of ${item.label}`,
    }),
    h("figcaption", null, "The reference it resembles most")
  );
}

function Said({ item }) {
  const { decision, confidence, chance, margin, runner_up: runnerUp, reasons } = item;
  const said = { accepted: "accepted", rejected: "rejected", changed: "changed meanwhile" }[decision];
  return h(
    "div",
    { className: "said" },
    h(
      "h3",
      { "data-cy": "ntt-review-label" },
      item.label,
      " ",
      said && h("span", { className: `badge ${decision}` }, said)
    ),
    h(
      "p",
      null,
      `Confidence ${share(confidence)}`,
      chance != null && `, right with a chance of ${Math.round(100 * chance)} %`
    ),
    h(
      "p",
      null,
      runnerUp ? h(Fragment, null, "Runner-up ", h("b", null, runnerUp)) : "No runner-up",
      runnerUp && margin != null && `, behind by ${margin.toFixed(3)}`
    ),
    reasons.length > 0 && h("p", null, `Doubtful: ${reasons.join("; ")}`)
  );
}

function End({ session }) {
  const { items, loading, left } = session;
  if (loading) return h("p", { className: "quiet" }, "Loading…");
  if (!items.length) return h("p", { "data-cy": "ntt-review-end" }, "Nothing is left to decide here.");
  const skipped = items.some((item) => !item.decision);
  return h(
    "p",
    { "data-cy": "ntt-review-end" },
    left > 0 ? `The end of the queue; ${left} are left open. ` : "All decided. ",
    skipped && h("button", { onClick: () => session.first() }, "From the start")
  );
}
