// Writes the one file of the plugin that browsers run. It is committed, as plugins are downloaded
// without being built, and left readable: people should be able to see what they install.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outfile = process.argv[2] ?? here("../fiftyone_ntt/plugin/app.js");

await build({
  entryPoints: [here("src/main.js")],
  outfile,
  bundle: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "inline",
  banner: {
    js: "// Part of fiftyone-ntt. Built from app/src by `npm run build` in app/: change it there.",
  },
});
