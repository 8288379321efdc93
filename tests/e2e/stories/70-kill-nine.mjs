// kill -9 under a load of submissions, again and again: whatever was acknowledged is there once, with its number, timeline, fact and
// proof, and a retry with the same key gives the same case. A hundred times on SQLite, ten times on PostgreSQL.
import { binary, check, cli, eventually, exec, same, startCity } from "../harness.mjs";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";

export const limit = 420;
const CLIENTS = 4;
const day = (n) => new Date(Date.now() + n * 86400e3).toISOString().slice(0, 10);

async function storm(postgres, kills) {
  const city = await startCity({ postgres });
  const bearer = (await cli(city, "account", "token", "resident")).stdout.trim().split("\n").pop();
  const call = async (method, path, body, key) => {
    const json = body && !(body instanceof FormData);
    const response = await fetch(city.url + path, {
      method, signal: AbortSignal.timeout(15_000), body: json ? JSON.stringify(body) : body,
      headers: { authorization: `Bearer ${bearer}`, ...(json && { "content-type": "application/json" }), ...(key && { "idempotency-key": key }) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  // Drafts made in peace; the storm hands them in. Two files each, as the matter asks.
  const form = { location: "演示路 8 号门前人行道", division: "320812", purpose: "goods", area: 12, start_date: day(9), end_date: day(12), traffic_impact: "footpath", promise: true };
  const prepare = async () => {
    const key = `storm-${Math.random()}`;
    const draft = await call("POST", "/api/v1/cases", { matter: "occupy-road", form }, key);
    for (const [n, m] of ["site-plan", "site-photo"].entries()) {
      const files = new FormData();
      files.set("file", new File([`%PDF-1.4 ${n}`], "图.pdf", { type: "application/pdf" }));
      await call("POST", `/api/v1/cases/${draft.id}/materials/${m}`, files);
    }
    return { key, id: draft.id };
  };
  const acknowledged = new Map();
  let tried = 0;
  for (let kill = 0; kill < kills; kill++) {
    // Each client begins, fills and hands in as fast as it is answered, until the program is gone.
    let gone = false;
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!gone) {
        try {
          tried++;
          const { key, id } = await prepare();
          const sent = await call("POST", `/api/v1/cases/${id}/submission`);
          acknowledged.set(id, { number: sent.number, key });
        } catch (e) {
          if (gone || /fetch failed|terminated|socket|other side closed/.test(`${e.message} ${e.cause?.message}`)) return;
          // Two clients of one person share a draft that neither has handed in; then one of them is told so.
          if (!/ (409|422|412) /.test(e.message)) throw e;
        }
      }
    });
    await pause(120 + (kill * 37) % 400);
    await city.kill();
    gone = true;
    await Promise.all(clients);
    await city.start();
  }
  check(acknowledged.size >= kills / 4, `only ${acknowledged.size} of ${tried} were acknowledged`);
  for (const [id, { number, key }] of acknowledged) {
    const found = await call("GET", `/api/v1/cases/${id}`);
    same([found.number, found.state_id], [number, "submitted"], `case ${id}`);
    check(found.timeline?.length ?? found.history?.length ?? found.steps.length, `${id} has a timeline`);
    const again = await call("POST", "/api/v1/cases", { matter: "occupy-road", form }, key);
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
