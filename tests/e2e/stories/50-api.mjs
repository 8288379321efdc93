// Another program applies over the JSON API with a bearer token: draft, files, submission, work item; problems are RFC 9457.
import { check, cli, same, startCity, venv, exec } from "../harness.mjs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export default async function () {
  const city = await startCity();
  const token = async (login) => (await cli(city, "account", "token", login)).stdout.trim().split("\n").pop();
  const [resident, clerk] = [await token("resident"), await token("clerk")];
  const call = async (who, method, path, body, headers = {}) => {
    const json = body && !(body instanceof FormData);
    const response = await fetch(city.url + path, {
      method,
      headers: { authorization: `Bearer ${who}`, ...(json ? { "content-type": "application/json" } : {}), ...headers },
      body: json ? JSON.stringify(body) : body,
    });
    return { status: response.status, type: response.headers.get("content-type"), body: await response.json() };
  };
  const day = (n) => new Date(Date.now() + n * 86400e3).toISOString().slice(0, 10);
  const form = { location: "演示路 8 号门前人行道", division: "320812", purpose: "goods", area: 12, start_date: day(9),
    end_date: day(12), traffic_impact: "footpath", promise: true };
  const bad = await call(resident, "POST", "/api/v1/cases", { matter: "occupy-road", form, submit: true });
  same(bad.status, 422, "materials are missing");
  same(bad.type, "application/problem+json", "as a problem");
  check(bad.body.errors.every((e) => e.field.startsWith("material-")), `only the materials: ${JSON.stringify(bad.body.errors)}`);
  const key = { "idempotency-key": "k1" };
  const draft = await call(resident, "POST", "/api/v1/cases", { matter: "occupy-road", form }, key);
  same(draft.status, 201, "a draft");
  same((await call(resident, "POST", "/api/v1/cases", { matter: "occupy-road", form }, key)).body.id, draft.body.id, "the same again");
  same((await call(resident, "POST", "/api/v1/cases", { matter: "dig-road" }, key)).status, 422, "the key with other content");
  const id = draft.body.id;
  for (const [n, m] of ["site-plan", "site-photo"].entries()) {
    const files = new FormData();
    files.set("file", new File([`%PDF-1.4 ${n}`], "图.pdf", { type: "application/pdf" }));
    same((await call(resident, "POST", `/api/v1/cases/${id}/materials/${m}`, files)).status, 200, m);
  }
  const sent = await call(resident, "POST", `/api/v1/cases/${id}/submission`);
  same(sent.body.state_id, "submitted", "handed in");
  const version = (await call(clerk, "GET", `/api/v1/cases/${id}`)).body.version;
  const work = { version, outcome: "done" };
  const path = `/api/v1/cases/${id}/work/2`;
  same((await call(resident, "POST", path, work)).status, 403, "an applicant has no work items");
  same((await call(clerk, "POST", path, { ...work, version: version - 1 })).status, 412, "an old version");
  same((await call(clerk, "POST", path, work)).body.state_id, "handling", "accepted");
  same((await call(clerk, "POST", path, { ...work, version: version + 1 })).status, 409, "done already");
  same((await call("nobody", "GET", "/api/v1/cases")).status, 401, "a wrong token");
  same((await call(clerk, "DELETE", "/api/v1/cases")).status, 405, "a wrong method");

  // The description is a valid OpenAPI document, by an independent reader.
  const file = join(city.data, "openapi.json");
  await writeFile(file, await (await fetch(`${city.url}/api/openapi.json`)).text());
  const valid = await exec(await venv(["openapi-spec-validator==0.7.2"]), ["-m", "openapi_spec_validator", file]);
  same(valid.code, 0, valid.stdout + valid.stderr);
}
