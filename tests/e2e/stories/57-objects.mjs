// Large uploads in an object store of another make (npm s3rver behind a door that checks every signature): they come back, a wrong
// secret is noticed, and what the store lost is named.
import { createHash, createHmac } from "node:crypto";
import { createServer, request as ask } from "node:http";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { browser, check, cli, newPage, quiet, same, shot, signIn, startCity } from "../harness.mjs";

/** A PDF of this many bytes, each as no other. */
function pdf(size, seed) {
  const body = Buffer.alloc(size);
  let x = seed;
  for (let i = 0; i < size; i++) {
    x = (x * 1103515245 + 12345) % 2147483648;
    body[i] = x >> 16;
  }
  return Buffer.concat([Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%"), body, Buffer.from("\n%%EOF\n")]);
}

/** Whether a request carries the signature that AWS Signature Version 4 (query form) gives with this secret. */
function signed(request, secret) {
  const url = new URL(request.url, `http://${request.headers.host}`);
  const given = url.searchParams.get("X-Amz-Signature");
  const scope = (url.searchParams.get("X-Amz-Credential") ?? "").split("/").slice(1);
  const plain = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams].filter(([name]) => name !== "X-Amz-Signature");
  const canonical = [
    request.method, url.pathname, query.map(([k, v]) => `${plain(k)}=${plain(v)}`).sort().join("&"),
    `host:${request.headers.host}`, "", "host", "UNSIGNED-PAYLOAD",
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", url.searchParams.get("X-Amz-Date"), scope.join("/"), digest].join("\n");
  const hmac = (key, data) => createHmac("sha256", key).update(data).digest();
  return given === hmac(scope.reduce(hmac, `AWS4${secret}`), text).toString("hex");
}

async function shelf(folder) {
  const store = new S3rver({ address: "127.0.0.1", port: 0, silent: true, directory: folder, configureBuckets: [{ name: "city" }] });
  const { port } = await store.run();
  const door = createServer((request, response) => {
    if (!signed(request, "S3RVER")) {
      request.resume();
      response.writeHead(403).end("<Error><Code>SignatureDoesNotMatch</Code></Error>");
      return;
    }
    const through = ask({ host: "127.0.0.1", port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    through.on("error", () => response.destroy());
    request.pipe(through);
  });
  await new Promise((resolve) => door.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${door.address().port}`,
    async close() {
      door.closeAllConnections();
      await new Promise((resolve) => door.close(resolve));
      await store.close();
    },
  };
}

/** Paths of the stored objects. */
async function stored(folder) {
  const all = await readdir(join(folder, "city"), { recursive: true });
  return all.filter((name) => name.endsWith("_object"));
}

export default async function () {
  const folder = await mkdtemp(join(tmpdir(), "yiwang-objects-"));
  const store = await shelf(folder);
  try {
    await story(folder, store);
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function story(folder, store) {
  const data = await mkdtemp(join(tmpdir(), "yiwang-e2e-data-"));
  const settings = (secret) => writeFile(join(data, "secret"), `${secret}\n`);
  await settings("S3RVER");
  await writeFile(join(data, "yiwang.toml"), [
    "[objects]", `endpoint = "${store.url}"`, 'bucket = "city"', 'key_id = "S3RVER"',
    `secret_file = "${join(data, "secret")}"`, "",
  ].join("\n"));
  const city = await startCity({ data });
  const chrome = await browser();
  const her = await newPage(chrome);
  await signIn(her, city, "resident");
  await her.goto(`${city.url}/matters/occupy-road`);
  await her.locator("form[action$='/cases'] button").first().click();
  await her.waitForURL(/\/cases\/[^/]+\/form/);
  const plan = pdf(3 << 20, 7);
  const attach = async (body, name) => {
    await her.setInputFiles("[name='file-site-plan']", { name, mimeType: "application/pdf", buffer: body });
    await her.locator("button.quiet[value=save]").click();
    await her.waitForLoadState();
  };
  await attach(plan, "plan.pdf");
  const link = her.locator("a[href*='/materials/']").first();
  const address = new URL(await link.getAttribute("href"), city.url).href;
  const back = Buffer.from(await (await her.context().request.get(address)).body());
  check(back.equals(plan), "the file comes back byte for byte");
  same((await stored(folder)).length, 1, "objects in the store");
  const body = await readFile(join(folder, "city", (await stored(folder))[0]));
  check(!body.includes(plan.subarray(1000, 1032)), "the store cannot read it");
  let found = await cli(city, "objects", "check");
  same(found.code, 0, found.stdout + found.stderr);

  // Another secret: the store refuses, the person is told, nothing is half done, and the city says that something is wrong.
  await city.stop();
  await settings("another");
  await city.start();
  await signIn(her, city, "resident");
  await her.goto(address.replace(/\/materials\/.*/, "/form"));
  quiet(her);
  await attach(pdf(2 << 20, 8), "photo.pdf");
  check((await her.locator("main").innerText()).includes("文件存储暂时没有响应"), "she is told");
  await shot(her, "objects-away");
  const ready = await (await fetch(`${city.url}/readyz`)).json();
  same(ready.degraded.join(), "object-store", "degraded");
  same((await stored(folder)).length, 1, "objects in the store");

  await city.stop();
  await settings("S3RVER");
  await rm(join(folder, "city", "cases_material"), { recursive: true, force: true });
  found = await cli(city, "objects", "check");
  check(found.code !== 0 && found.stdout.includes("does not have it"), `the loss is named: ${found.stdout}${found.stderr}`);
  await rm(data, { recursive: true, force: true });
}
