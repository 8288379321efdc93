// Scan-to-login: a browser shows a picture, her phone reads it and answers, the browser goes on by itself. And a code by SMS.
import jsqr from "jsqr";
import { browser, check, eventually, newPage, quiet, same, shot, signIn, startCity } from "../harness.mjs";

/** What the picture on the page says, read from its pixels as a camera would. */
async function read(page) {
  const { pixels, side } = await page.locator(".qr svg").evaluate(async (svg) => {
    const image = new Image();
    const source = svg.cloneNode(true);
    source.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    image.src = `data:image/svg+xml;base64,${btoa(source.outerHTML)}`;
    await image.decode();
    const side = 480;
    const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    context.drawImage(image, 0, 0, side, side);
    return { pixels: Array.from(context.getImageData(0, 0, side, side).data), side };
  });
  const found = jsqr(Uint8ClampedArray.from(pixels), side, side);
  check(found, "the picture can be read");
  return found.data;
}

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const phone = await newPage(chrome, { viewport: { width: 390, height: 844 } });
  await signIn(phone, city, "resident");

  const desk = await newPage(chrome);
  await desk.goto(`${city.url}/sign-in?next=/matters`);
  await shot(desk, "sign-in-ways");
  await desk.getByRole("link", { name: "扫码登录" }).click();
  const number = await desk.locator(".scan-number strong").innerText();
  await shot(desk, "scan-picture");
  const address = await read(desk);
  check(address.startsWith(`${city.url}/me/scan/`), address);
  await phone.goto(address);
  await shot(phone, "scan-question");
  await phone.getByRole("button", { name: number, exact: true }).click();
  await phone.getByText("请回到那台设备").waitFor();
  await shot(phone, "scan-answered");
  await eventually(() => new URL(desk.url()).pathname === "/matters", "the browser goes on by itself");
  await desk.goto(`${city.url}/me`);
  check((await desk.locator("header").innerText()).includes("演示居民甲"), "she is signed in at the desk");
  quiet(desk);

  // Somebody else's picture: refused, and the browser says so by itself.
  const other = await newPage(chrome);
  await other.goto(`${city.url}/sign-in/scan`);
  await phone.goto(await read(other));
  await phone.getByRole("button", { name: "不是我，拒绝" }).click();
  await other.getByText("手机没有同意这次登录").waitFor();
  await shot(other, "scan-refused");

  // Her number, confirmed by a code that the demonstration keeps, then a sign-in with another one.
  const admin = await newPage(chrome);
  await signIn(admin, city, "admin");
  const code = async (known) => eventually(async () => {
    await admin.goto(`${city.url}/admin/comms/sink`);
    const codes = [...(await admin.locator("main").innerText()).matchAll(/验证码 (\d{6})/g)].map((m) => m[1]);
    return codes.length > known ? codes[0] : undefined;
  }, "the code comes");
  await phone.goto(`${city.url}/me/phone`);
  await phone.fill("#phone", "19911112222");
  await phone.getByRole("button", { name: "获取验证码" }).click();
  await phone.fill("#code", await code(0));
  await shot(phone, "phone-code");
  await phone.getByRole("button", { name: "核验", exact: true }).click();
  await phone.getByText("已核验").waitFor();
  await shot(phone, "phone-own");
  quiet(phone);
  same(await phone.locator("main .rows .num").innerText(), "199****2222", "the number is masked");
}
