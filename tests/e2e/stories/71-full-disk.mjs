// The disk is full, the folder is read-only, a second program wants the same folder: each says so and what to do, and a full disk heals
// without a restart. Needs the right to mount (root, as in CI); says so where it lacks it.
import { binary, check, cli, exec, freePort, password, same, startCity, PACK } from "../harness.mjs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const mount = async (...args) => same((await exec("mount", args)).code, 0, `mount ${args.join(" ")}`);

export default async function () {
  const folder = await mkdtemp(join(tmpdir(), "yiwang-small-"));
  await mount("-t", "tmpfs", "-o", "size=24m", "yiwang-small", folder);
  try {
    await story(folder);
  } finally {
    await exec("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  }
}

async function story(data) {
  const city = await startCity({ data });
  // Two programs, one folder.
  const second = await exec(binary(), ["serve", "--demo", "--listen", `127.0.0.1:${await freePort()}`, ...city.options()]);
  check(second.code === 1 && /in use by process \d+; stop that one/.test(second.stderr), `the second: ${second.code} ${second.stderr}`);

  const signIn = (language) => fetch(`${city.url}/sign-in?lang=${language}`, {
    method: "POST", redirect: "manual", headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ login: "resident", password: password(city) }),
  });
  const before = await signIn("zh-CN");
  same(before.status, 303, "she signs in");
  const cookie = before.headers.getSetCookie().find((c) => c.startsWith("yw_session")).split(";")[0];
  const filler = join(data, "filler");
  await writeFile(filler, Buffer.alloc(32 << 20)).catch((e) => check(e.code === "ENOSPC", e.message));
  // Small writes may still fit into the log's old pages; soon nothing does.
  let full;
  for (let n = 0; n < 400 && full?.status !== 503; n++) full = await signIn("zh-CN");
  same(full.status, 503, "the disk is full");
  same(full.headers.get("retry-after"), "10", "when to try again");
  const zh = await full.text();
  check(zh.includes("系统暂时无法保存"), zh);
  check(!zh.includes(password(city)), "a password is not sent back");
  check((await (await signIn("en")).text()).includes("Nothing can be saved at the moment"), "in English too");
  const ready = await fetch(`${city.url}/readyz`);
  same([ready.status, (await ready.json()).ready], [503, false], "it is not ready, and says so");
  // What needs no writing goes on.
  same((await fetch(`${city.url}/`, { headers: { cookie } })).status, 200, "the portal");
  check(city.child, `the program goes on:\n${city.stderr}`);
  const copy = await cli(city, "backup", join(data, "copies"));
  check(copy.code !== 0, "no room for a backup");
  const left = await exec("find", [join(data, "copies"), "-name", "manifest.json"]);
  same(left.stdout, "", "and nothing looks like one");

  await truncate(filler, 0);
  same((await fetch(`${city.url}/readyz`)).status, 200, "there is space again");
  same((await signIn("zh-CN")).status, 303, "and work goes on without a restart");
  same((await fetch(`${city.url}/me`, { headers: { cookie } })).status, 200, "she is signed in still");
  const doctor = await cli(city, "doctor");
  same(doctor.code, 0, doctor.stdout);

  await city.stop();
  await mount("-o", "remount,ro", data);
  const refused = await exec(binary(), ["serve", "--demo", "--listen", `127.0.0.1:${await freePort()}`, "--data", data, "--pack", PACK]);
  check(refused.code === 1 && refused.stderr.includes(data) && /mount it writable/.test(refused.stderr), refused.stderr);
  await mount("-o", "remount,rw", data);
  await city.start();
}
