export const STYLE = `
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
