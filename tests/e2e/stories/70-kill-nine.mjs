// kill -9 under a load of submissions, again and again: whatever was acknowledged is there once, with its number, timeline, fact and
// proof, and a retry with the same key gives the same case. A hundred times on SQLite, ten times on PostgreSQL.
import { binary, check, cli, eventually, exec, same, startCity } from "../harness.mjs";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";

export const limit = 2400; // minutes on a machine of its own; a debug build restarts a hundred times
/** One client each: two of one person would share a draft. */
const PEOPLE = ["resident", "agent"];
const day = (n) => new Date(Date.now() + n * 86400e3).toISOString().slice(0, 10);

async function storm(postgres, kills) {
  const city = await startCity({ postgres });
  const tokens = {};
  for (const who of PEOPLE) tokens[who] = (await cli(city, "account", "token", who)).stdout.trim().split("\n").pop();
  const call = async (who, method, path, body, key) => {
    const json = body && !(body instanceof FormData);
    const response = await fetch(city.url + path, {
      method, signal: AbortSignal.timeout(15_000), body: json ? JSON.stringify(body) : body,
      headers: { authorization: `Bearer ${tokens[who]}`, ...(json && { "content-type": "application/json" }), ...(key && { "idempotency-key": key }) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  const form = { location: "演示路 8 号门前人行道", division: "320812", purpose: "goods", area: 12, start_date: day(9), end_date: day(12), traffic_impact: "footpath", promise: true };
  const prepare = async (who) => {
    const key = `storm-${Math.random()}`;
    const draft = await call(who, "POST", "/api/v1/cases", { matter: "occupy-road", form }, key);
    for (const [n, m] of ["site-plan", "site-photo"].entries()) {
      const files = new FormData();
      files.set("file", new File([`%PDF-1.4 ${n}`], "图.pdf", { type: "application/pdf" }));
      await call(who, "POST", `/api/v1/cases/${draft.id}/materials/${m}`, files);
    }
    return { key, id: draft.id };
  };
  const acknowledged = new Map();
  let tried = 0;
  for (let kill = 0; kill < kills; kill++) {
    // Each client begins, fills and hands in as fast as it is answered, until the program is gone.
    let gone = false;
    const clients = PEOPLE.map(async (who) => {
      while (!gone) {
        try {
          tried++;
          const { key, id } = await prepare(who);
          const sent = await call(who, "POST", `/api/v1/cases/${id}/submission`);
          acknowledged.set(id, { number: sent.number, key, who });
        } catch (e) {
          if (gone || /fetch failed|terminated|socket|other side closed/.test(`${e.message} ${e.cause?.message}`)) return;
          throw e;
        }
      }
    });
    // Somewhere in the middle of the next request after at least one answer.
    const had = acknowledged.size;
    for (let n = 0; n < 400 && acknowledged.size === had; n++) await pause(10);
    await pause((kill * 37) % 150);
    await city.kill();
    gone = true;
    await Promise.all(clients);
    await city.start();
  }
  check(acknowledged.size >= kills / 2, `only ${acknowledged.size} of ${tried} were acknowledged`);
  for (const [id, { number, key, who }] of acknowledged) {
    const found = await call(who, "GET", `/api/v1/cases/${id}`);
    same([found.number, found.state_id], [number, "submitted"], `case ${id}`);
    check(found.timeline.length, `${id} has a timeline`);
    const again = await call(who, "POST", "/api/v1/cases", { matter: "occupy-road", form }, key);
    same(again.id, id, "a retry gives the same case");
  }
  same(new Set([...acknowledged.values()].map((a) => a.number)).size, acknowledged.size, "numbers are given once");
  // The log as an outsider gets it: proved, and with exactly one entry of submission for each.
  const folder = join(city.data, "proof");
  const out = await cli(city, "log", "export", folder);
  same(out.code, 0, out.stderr);
  const proved = await exec(binary("YIWANG_VERIFY_BIN"), ["--key", join(folder, "key"), folder]);
  same(proved.code, 0, proved.stdout);
  const leaves = (await exec("grep", ["-raoh", '"subject":"[0-9a-f-]*","touched":\\[[^]]*\\],"type":"cases.case.submitted"', join(folder, "tile/entries")])).stdout;
  for (const id of acknowledged.keys()) same(leaves.split(`"subject":"${id}"`).length - 1, 1, `${id} is in the log once`);
  const doctor = await cli(city, "doctor");
  same(doctor.code, 0, doctor.stdout);
  const verified = await cli(city, "verify");
  same(verified.code, 0, verified.stdout);
  console.log(`   ${postgres ? "PostgreSQL" : "SQLite"}: ${kills} kills, ${acknowledged.size} acknowledged, all there once`);
}

export default async function () {
  await storm(false, 100);
  await storm(true, 10);
}
