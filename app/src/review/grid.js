// Many predictions of one class: the wrong ones are marked by a click, or by drawing over them.
import { Crop } from "./crop.js";
import { nameOf } from "./session.js";

const { createElement: h, useRef, useState } = window.React ?? {};
const PIXELS = 180;
const DRAWN = 5; // px that the mouse moves before it draws, and does not click

const between = (one, other) => [Math.min(one, other), Math.max(one, other)];

/** The names of the cells that a rectangle on the screen meets. */
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

export function Grid({ session, outlined }) {
  const { grid } = session;
  const box = useRef(null);
  const start = useRef(null);
  const [area, setArea] = useState(null);
  const span = (event) => [
    between(start.current.x, event.clientX),
    between(start.current.y, event.clientY),
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
      height: down[1] - down[0],
    });
  };
  const onPointerUp = (event) => {
    if (!start.current) return;
    const names = met(box.current, ...span(event));
    // With shift, what is drawn over is right after all.
    session.mark(area ? names : names.slice(0, 1), area ? !event.shiftKey : undefined);
    start.current = null;
    setArea(null);
  };
  if (grid.loading) return h("p", { className: "quiet" }, "Loading…");
  if (!grid.items.length) {
    return h("p", { "data-cy": "ntt-review-end" }, `No ${grid.label} is left to decide.`);
  }
  return h(
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
      },
    },
    grid.items.map((item) => {
      const name = nameOf(item);
      const marked = grid.marked.has(name);
      return h(
        "div",
        {
          key: name,
          className: marked ? "cell marked" : "cell",
          "data-name": name,
          title: item.reasons.join(", "),
        },
        h(Crop, { picture: session.small.get(name), pixels: PIXELS, outlined, title: item.label })
      );
    }),
    area && h("div", { className: "area", style: area })
  );
}
