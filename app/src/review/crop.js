// A prediction's picture, drawn at once: its bitmap is decoded already.
const { createElement: h, useLayoutEffect, useRef } = window.React ?? {};

const LINES = [
  { width: 4, colour: "rgba(0, 0, 0, 0.6)" },
  { width: 2, colour: "#ffdc00" },
];

const GONE = "No picture: its image or label is gone";

/**
 * @param pixels of the canvas; on the screen it takes what room there is
 * @param missing what is said where there is no picture
 */
export function Crop({ picture, missing = GONE, pixels, outlined, title, onDrawn }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    if (picture && canvas.current) draw(canvas.current, picture, outlined);
    if (picture !== undefined) onDrawn?.();
  }, [picture, pixels, outlined]);
  const said = picture === undefined ? "…" : missing;
  return h(
    "div",
    { className: "picture", title },
    picture
      ? h("canvas", { ref: canvas, width: pixels, height: pixels, role: "img", "aria-label": title })
      : said
  );
}

function draw(canvas, { bitmap, outlines }, outlined) {
  // Drawn by the processor: small as it is, handing it to a graphics card takes longer.
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
    context.lineWidth = (line.width * canvas.width) / 400 + 0.5;
    context.strokeStyle = line.colour;
    context.stroke(path);
  }
}
