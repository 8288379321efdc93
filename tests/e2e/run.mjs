// Runs every story one after the other: `node run.mjs [PART OF A NAME…]`.
// A story is a file stories/NAME.mjs whose default export is an async function; `export const limit` are its seconds.
import { readdir } from "node:fs/promises";
import { binary, cleanUp, evidence } from "./harness.mjs";

const LIMIT = 300; // seconds a story may take
const here = new URL("stories/", import.meta.url);
const wanted = process.argv.slice(2);
const names = (await readdir(here)).filter((n) => n.endsWith(".mjs")).map((n) => n.slice(0, -4)).sort();
const chosen = names.filter((n) => !wanted.length || wanted.some((w) => n.includes(w)));
if (!chosen.length) {
  console.error(`no story is called ${wanted.join(", ")}; there are ${names.join(", ")}`);
  process.exit(2);
}
binary();

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => cleanUp().catch(() => {}).finally(() => process.exit(130)));
}

/** A promise that fails when nobody waits for it must fail the story, not the runner. */
let stray = () => {};
process.on("unhandledRejection", (e) => stray(e));
process.on("uncaughtException", (e) => stray(e));

async function play(name) {
  const story = await import(new URL(`${name}.mjs`, here));
  const seconds = story.limit ?? LIMIT;
  let timer;
  const bounds = new Promise((_, fail) => {
    stray = fail;
    timer = setTimeout(() => fail(new Error(`not finished within ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([story.default(), bounds]);
  } finally {
    clearTimeout(timer);
    stray = () => {};
  }
}

let failures = 0;
for (const name of chosen) {
  const since = performance.now();
  let error;
  try {
    await play(name);
  } catch (e) {
    error = e ?? new Error("failed without a reason");
  }
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  if (error) {
    failures += 1;
    console.log(`FAILED  ${name}  ${seconds} s`);
    console.log(error);
    console.log(await evidence(name));
  } else {
    console.log(`ok      ${name}  ${seconds} s`);
  }
  await cleanUp().catch((e) => {
    failures += error ? 0 : 1;
    console.log(`FAILED  ${name}: cleaning up: ${e.message}`);
  });
}
console.log(`${chosen.length} stories, ${failures} failed`);
process.exit(failures ? 1 : 0);
