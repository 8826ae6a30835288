// The keys of the Review panel. What is shown on the screen is made of this, and `press` looks up
// here what a key does.
const DIGITS = 9;

/** What a key does to a session; `type` opens the type-ahead, `outline` shows or hides masks. */
export function actions(session, { type, outline }) {
  const { item, grid } = session;
  if (grid) return gridActions(session, { type, outline });
  return [
    ["a", "Accept", item && (() => session.decide("accept"))],
    ["r", "Reject", item && (() => session.decide("reject"))],
    [
      "s",
      item?.runner_up ? `It is ${item.runner_up}` : "Runner-up",
      item?.runner_up && (() => session.decide("relabel", item.runner_up)),
    ],
    ["/", "Other class", item && type],
    ["f", "Use as reference", item && session.bank && (() => session.teach("reference"))],
    ["n", "Use as negative", item && session.bank && (() => session.teach("negative"))],
    ["z", "Undo", session.steps.length > 0 && (() => session.undo())],
    ["ArrowLeft", "Back", session.index > 0 && (() => session.go(-1))],
    ["ArrowRight", "Next", item && (() => session.go(1))],
    ["g", "Grid", (item || session.items.length > 0) && (() => session.openGrid())],
    ["m", "Mask on / off", outline],
  ];
}

function gridActions(session, { type, outline }) {
  const { grid } = session;
  const wrong = grid.marked.size;
  const right = grid.items.length - wrong;
  return [
    ["a", right ? `Accept the ${wrong ? "other " : ""}${right}` : "Accept",
      right > 0 && (() => session.decideGrid("accept"))],
    ["r", wrong ? `Reject ${these(wrong)}` : "Reject those marked",
      wrong > 0 && (() => session.decideGrid("reject"))],
    ["/", wrong ? `Other class for ${these(wrong)}` : "Another class's grid", type],
    ["x", "Mark none", wrong > 0 && (() => session.mark([...grid.marked], false))],
    ["z", "Undo", session.steps.length > 0 && (() => session.undo())],
    ["ArrowLeft", "Back", grid.start > 0 && (() => session.turn(-1))],
    ["ArrowRight", "Next", grid.start + grid.items.length < grid.open && (() => session.turn(1))],
    ["g", "One by one", () => session.closeGrid()],
    ["m", "Mask on / off", outline],
  ];
}

const these = (count) => (count === 1 ? "this 1" : `these ${count}`);

/** The classes that have a digit. */
export const numbered = (session) => session.classes.slice(0, DIGITS);

/** A class was chosen, by its digit or by typing. */
export function choose(session, label) {
  if (!session.grid) session.decide("relabel", label);
  else if (session.grid.marked.size) session.decideGrid("relabel", label);
  else session.openGrid(label);
}

/** Do what a key stands for; false where it stands for nothing. */
export function press(session, key, ways) {
  const wanted = key === "Escape" && session.grid ? "g" : key.length === 1 ? key.toLowerCase() : key;
  const found = actions(session, ways).find(([known]) => known === wanted);
  if (found) {
    if (found[2]) found[2]();
    return true;
  }
  const label = /^[1-9]$/.test(key) && numbered(session)[Number(key) - 1];
  if (!label || (!session.grid && !session.item)) return false;
  choose(session, label);
  return true;
}

export const shownKey = (key) =>
  ({ ArrowLeft: "←", ArrowRight: "→" })[key] ?? key.toUpperCase();
