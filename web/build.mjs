// Builds web/dist: one stylesheet, one small module, one icon sprite, the site mark and the fonts that PDFs embed.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { icons } from "./src/icons.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const at = (path) => here + path;
const LIMIT = 30_000; // bytes of app.js; pages must stay quick on a poor phone line

await rm(at("dist"), { recursive: true, force: true });
await mkdir(at("dist/fonts"), { recursive: true });

const common = { bundle: true, minify: true, charset: "utf8", legalComments: "none", absWorkingDir: here, logLevel: "warning" };

// The content policy forbids inline styles, so a bar takes its length from a class: .w-0 … .w-100.
const widths = Array.from({ length: 101 }, (_, n) => `.w-${n}{width:${n}%}`).join("");
const sheets = ["tokens", "base", "components", "pages"].map((n) => `@import "./src/${n}.css";`).join("\n");
await build({
  ...common,
  stdin: { contents: `${sheets}\n@import "widths";`, loader: "css", resolveDir: here, sourcefile: "app.css" },
  outfile: "dist/app.css",
  loader: { ".svg": "dataurl" },
  target: ["chrome100", "firefox115", "safari15.4"],
  plugins: [{
    name: "widths",
    setup(b) {
      b.onResolve({ filter: /^widths$/ }, () => ({ path: "widths", namespace: "widths" }));
      b.onLoad({ filter: /.*/, namespace: "widths" }, () => ({ contents: widths, loader: "css" }));
    },
  }],
});

await build({ ...common, entryPoints: ["src/app.ts"], outfile: "dist/app.js", format: "esm", target: "es2020" });
const { size } = await stat(at("dist/app.js"));
if (size > LIMIT) throw new Error(`app.js is ${size} bytes; the limit is ${LIMIT}`);

/** The drawing inside an svg file: without comments, wrapper and white space between tags. */
async function drawing(path) {
  const svg = await readFile(path, "utf8");
  return svg.replace(/<!--[^]*?-->/g, "").replace(/^[^]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/>\s+</g, "><").trim();
}
const stroke = 'viewBox="0 0 24 24" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"';
const symbols = [`<symbol id="i-logo" ${stroke}>${await drawing(at("src/icon.svg"))}</symbol>`];
for (const name of icons) {
  symbols.push(`<symbol id="i-${name}" ${stroke}>${await drawing(at(`node_modules/lucide-static/icons/${name}.svg`))}</symbol>`);
}
const credit = "<!-- Icons from Lucide (ISC licence, https://lucide.dev/license), except i-logo -->";
await writeFile(at("dist/icons.svg"), `${credit}<svg xmlns="http://www.w3.org/2000/svg" fill="none">${symbols.join("\n")}</svg>\n`);
await copyFile(at("src/icon.svg"), at("dist/icon.svg"));

const fonts = {
  "NotoSerifSC-Regular.ttf": "noto-serif-sc/400Regular/NotoSerifSC_400Regular.ttf",
  "NotoSerifSC-Bold.ttf": "noto-serif-sc/700Bold/NotoSerifSC_700Bold.ttf",
};
for (const [name, from] of Object.entries(fonts)) {
  // They are half of what the program would weigh; it unpacks them when it first prints.
  const font = await readFile(at(`node_modules/@expo-google-fonts/${from}`));
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: 9, [BROTLI_PARAM_LGWIN]: 24, [BROTLI_PARAM_SIZE_HINT]: font.length };
  await writeFile(at(`dist/fonts/${name}.br`), brotliCompressSync(font, { params }));
}
await copyFile(at("node_modules/@expo-google-fonts/noto-serif-sc/LICENSE_FONT"), at("dist/fonts/LICENSE"));
console.log(`dist: app.js ${size} B, ${icons.length + 1} icons, ${Object.keys(fonts).length} fonts`);
