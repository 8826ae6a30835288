// Choosing a class by typing a part of its name.
const { createElement: h, useState } = window.React ?? {};
const SHOWN = 8;

export function matching(classes, typed) {
  const text = typed.trim().toLowerCase();
  const rank = (name) => (name.toLowerCase().startsWith(text) ? 0 : 1);
  return classes
    .filter((name) => name.toLowerCase().includes(text))
    .sort((one, other) => rank(one) - rank(other))
    .slice(0, SHOWN);
}

export function TypeAhead({ classes, canBeNew, onChoose, onClose }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
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
  return h(
    "div",
    { className: "matches", "data-cy": "ntt-review-classes" },
    h("input", {
      autoFocus: true,
      placeholder: "Class",
      "aria-label": "Class",
      value: typed,
      onChange: (event) => {
        setTyped(event.target.value);
        setAt(0);
      },
      onKeyDown,
    }),
    offered.map(([label, said], index) =>
      h(
        "button",
        { key: said, className: index === chosen ? "chosen" : "", onClick: () => onChoose(label) },
        said
      )
    )
  );
}
