// Builds web/dist: one stylesheet, small modules, one icon sprite, the site mark, the fonts that PDFs embed, and what
// keeps the page /code for the time without a network.
import { createHash } from "node:crypto";
import { build } from "esbuild";
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { icons } from "./src/icons.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const at = (path) => here + path;
// Bytes; pages must stay quick on a poor phone line. The decoder is fetched only where the browser has none.
const LIMITS = { "app.js": 30_000, "code.js": 60_000, "scan.js": 60_000, "code-sw.js": 10_000, "passkey.js": 10_000 };

await rm(at("dist"), { recursive: true, force: true });
await mkdir(at("dist/fonts"), { recursive: true });

const common = { bundle: true, minify: true, charset: "utf8", legalComments: "none", absWorkingDir: here, logLevel: "warning" };

// The content policy forbids inline styles, so a bar takes its length from a class: .w-0 … .w-100.
const widths = Array.from({ length: 101 }, (_, n) => `.w-${n}{width:${n}%}`).join("");
const sheets = ["tokens", "base", "components", "pages", "code"].map((n) => `@import "./src/${n}.css";`).join("\n");
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

const script = { ...common, outdir: "dist", format: "esm", target: "es2020" };
await build({ ...script, entryPoints: ["src/app.ts"] });
await build({ ...script, entryPoints: ["src/passkey.ts"] });
// Alone, because the worker keeps what the page names and would not know of a shared part.
await build({ ...script, entryPoints: { code: "src/code/shell.ts" } });
await build({ ...script, entryPoints: { scan: "src/code/scan.ts" }, splitting: true, chunkNames: "scan-[name]-[hash]" });

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

// On a home screen the mark stands on a full ground, inside the part that every mask leaves (80 % across).
const mark = `<g transform="translate(5.4 5.4) scale(.55)">${await drawing(at("src/icon.svg"))}</g>`;
await writeFile(at("dist/code-icon.svg"), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#fff" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"><path fill="#1458a6" stroke="none" d="M0 0h24v24H0z"/>${mark}</svg>\n`);
await copyFile(at("src/code/code.webmanifest"), at("dist/code.webmanifest"));

const built = createHash("sha256");
for (const name of ["app.css", "app.js", "code.js", "icon.svg", "icons.svg"]) built.update(await readFile(at(`dist/${name}`)));
const BUILD = JSON.stringify(built.digest("hex").slice(0, 12));
await build({ ...script, entryPoints: { "code-sw": "src/code/sw.ts" }, format: "iife", define: { BUILD } });

const sizes = {};
for (const name of (await readdir(at("dist"))).filter((n) => n.endsWith(".js"))) sizes[name] = (await readFile(at(`dist/${name}`))).length;
for (const [name, limit] of Object.entries(LIMITS)) {
  if (!(sizes[name] <= limit)) throw new Error(`${name} is ${sizes[name]} bytes; the limit is ${limit}`);
}

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
const listed = Object.entries(sizes).map(([name, size]) => `${name} ${size} B`).join(", ");
console.log(`dist: ${listed}, ${icons.length + 1} icons, ${Object.keys(fonts).length} fonts`);
