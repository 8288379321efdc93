// A mail to a real SMTP server (aiosmtpd), the list and its badge in a browser, the administrator's pages.
import { spawn } from "node:child_process";
import { browser, check, eventually, freePort, newPage, quiet, same, shot, signIn, startCity, venv } from "../harness.mjs";


const SERVER = `
import asyncio, json, sys
from email import message_from_bytes, policy
from aiosmtpd.controller import Controller
class Keep:
    async def handle_DATA(self, server, session, envelope):
        m = message_from_bytes(envelope.content, policy=policy.default)
        print(json.dumps({"to": envelope.rcpt_tos, "id": m["Message-ID"], "subject": m["Subject"], "body": m.get_content()}), flush=True)
        return "250 taken"
c = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
c.start()
print("ready", flush=True)
sys.stdin.read()
c.stop()
`;

export default async function () {
  const python = await venv(["aiosmtpd==1.4.6"]);
  const port = await freePort();
  const server = spawn(python, ["-c", SERVER, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  server.stdout.setEncoding("utf8").on("data", (text) => { said += text; });
  const mails = () => said.split("\n").filter((l) => l.startsWith("{")).map((l) => JSON.parse(l));
  try {
    await eventually(() => said.includes("ready"), "the SMTP server is ready", 30_000);
    const city = await startCity({
      env: { YIWANG_COMMS_SMTP_SERVER: `127.0.0.1:${port}`, YIWANG_COMMS_SMTP_FROM: "no-reply@city.example" },
    });
    const chromium = await browser();
    const page = await newPage(chromium);
    await signIn(page, city, "resident");
    await page.goto(`${city.url}/me/messages`);
    await shot(page, "60-messages-empty");
    await page.goto(`${city.url}/me/messages/settings`);
    await page.fill("#mail", "resident@city.example");
    await page.locator("form[action='/me/messages/address'] button").click();
    const mail = await eventually(() => mails()[0], "the code arrives by mail");
    same(mail.to, ["resident@city.example"], "recipient");
    same(mail.subject, "验证您的邮箱", "subject");
    check(/^<[0-9a-f-]{36}@localhost>$/.test(mail.id), `Message-ID ${mail.id}`);
    await page.fill("#code", /(\d{6})/.exec(mail.body)[1]);
    await page.locator("form[action='/me/messages/confirmation'] button").click();
    await page.locator(".notice.good").waitFor();
    await shot(page, "60-settings");
    quiet(page);
    const admin = await newPage(chromium);
    await signIn(admin, city, "admin");
    await admin.goto(`${city.url}/admin/comms`);
    check((await admin.locator("main").innerText()).includes("已发出"), "the mail stands as sent");
    check(!(await admin.content()).includes("resident@city.example"), "the address is masked");
    await shot(admin, "60-deliveries");
    await admin.goto(`${city.url}/admin/comms/hooks`);
    await shot(admin, "60-hooks");
    await admin.goto(`${city.url}/admin/comms/sink`);
    await shot(admin, "60-sink");
    quiet(admin);
  } finally {
    server.stdin.end();
    server.kill();
  }
}
