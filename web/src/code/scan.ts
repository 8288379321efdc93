/**
 * The scanner at /work/codes: camera, picture or handheld reader in; one big yes or no out. The page's form does the
 * same through the server when this file does not run.
 */

import { all, clock, day, icon, make, say } from "../dom";
import { check, countWaiting, forgetList, keptList, renewList, uploadWaiting, type Outcome } from "./check";
import { reader } from "./decode";
import { now, Refused, Unreached } from "./net";

const RENEW = 10 * 60_000; // ms between looks for a newer list
const STALE = 24 * 3600; // seconds after which the age of the list is shown as a warning
const PAUSE = 120; // ms between two looks at the camera
const IDLE = 120_000; // ms after which a camera that found nothing is let go
const TWICE = 1500; // ms within which a handheld reader's second trigger is no second scan

/** The whole island; there is one on the page. */
function scanner(root: HTMLElement): void {
  const form = root.querySelector<HTMLFormElement>("form[data-scan]");
  const stage = root.querySelector<HTMLElement>("[data-stage]");
  const status = root.querySelector<HTMLElement>("[data-status]");
  const field = form?.elements.namedItem("code");
  const scenes = form?.elements.namedItem("scene");
  if (!form || !stage || !status || !(field instanceof HTMLInputElement)) return;

  const video = make("video", "", { playsinline: "", "aria-label": say("摄像头画面", "Camera") });
  video.muted = true;
  /** Focus in a field would bring up a keyboard over half the screen. */
  const coarse = matchMedia("(pointer: coarse)").matches;
  let stream: MediaStream | undefined;
  /** The operator works with the camera; it may have been let go meanwhile. */
  let camera = false;
  /** Counts the looks, so that an earlier one knows that it is over. */
  let turn = 0;
  let busy = false;
  let last = { text: "", at: 0 };
  let listFault: unknown;
  let uploads: string[] = [];

  const scene = (): string => (scenes instanceof HTMLSelectElement ? scenes.value : "");
  const sceneTitle = (): string => (scenes instanceof HTMLSelectElement ? scenes.selectedOptions[0]?.text.trim() ?? "" : "");

  const press = (text: string, sign: string, tone: string, act: () => void): HTMLButtonElement => {
    const node = make("button", "", { type: "button", class: `button ${tone}`.trim() });
    node.append(icon(sign), text);
    node.addEventListener("click", act);
    return node;
  };

  /* --- What the stage shows --- */

  const idle = (problem = ""): void => {
    const box = make("div", "", { class: "scan-idle" });
    box.append(icon("scan-qr-code"), make("p", say("对准对方手机上的码，或用手持扫码枪直接扫。", "Point at the code on the holder's phone, or use a handheld reader.")));
    if (problem) box.append(make("p", problem, { class: "error", role: "alert" }));
    const row = make("div", "", { class: "actions" });
    row.append(press(say("打开摄像头", "Start the camera"), "camera", "", () => void open()), press(say("选择图片", "Choose a picture"), "image-up", "quiet", choosePicture));
    box.append(row);
    stage.replaceChildren(box);
  };

  const show = (o: Outcome): void => {
    const good = o.verdict === "good";
    const [tone, sign, word] = ({
      good: ["good", "circle-check", say("通过", "Accepted")],
      bad: ["bad", "circle-x", say("不通过", "Refused")],
      undecided: ["warn", "triangle-alert", say("没有核验", "Not checked")],
    } as const)[o.verdict];
    const box = make("div", "", { class: "scan-result" });
    const verdict = make("div", "", { class: `verdict ${tone}`, role: good ? "status" : "alert" });
    const words = make("div");
    words.append(make("h2", word));
    if (o.label) words.append(make("p", o.label, { class: "scan-label", lang: "zh-CN" }));
    if (o.title) words.append(make("p", o.title, { class: "scan-why" }));
    if (o.detail) words.append(make("p", o.detail));
    verdict.append(icon(sign), words);
    const facts = make("dl", "", { class: "facts" });
    const fact = (title: string, value: string): void => facts.append(make("dt", title), make("dd", value));
    if (o.kind) fact(say("码的种类", "Kind"), o.kind === "person" ? say("个人码", "A person's") : say("企业码", "A firm's"));
    for (const { title, value } of o.elements) fact(title, value);
    if (sceneTitle()) fact(say("场景", "Scene"), sceneTitle());
    fact(say("时间", "Time"), new Date(o.at * 1000).toTimeString().slice(0, 8));
    if (o.offline) fact(say("方式", "How"), good ? say("离线核验，联网后自动补传记录", "Offline; the record is sent once there is a network") : say("离线核验", "Offline"));
    const row = make("div", "", { class: "actions" });
    const next = press(say("扫下一个", "Next"), "scan-qr-code", "", () => void (stream ? look() : camera ? open() : ready()));
    row.append(next);
    box.append(verdict, facts, row);
    stage.replaceChildren(box);
    stage.scrollIntoView({ block: "nearest" });
    navigator.vibrate?.(good ? 60 : [120, 80, 120]);
    // With a camera the hand is at the button; a handheld reader types into the field.
    if (camera || coarse) next.focus({ preventScroll: true });
    else field.focus({ preventScroll: true });
  };

  const ready = (): void => {
    idle();
    if (!coarse) field.focus({ preventScroll: true });
  };

  /* --- Checking --- */

  const judge = async (text: string): Promise<void> => {
    if (busy || !text.trim() || (text === last.text && Date.now() - last.at < TWICE)) return;
    busy = true;
    const mine = turn += 1;
    video.pause();
    setTimeout(() => { if (turn === mine) close(); }, IDLE);
    // A result of before must not be taken for this one's.
    stage.setAttribute("aria-busy", "true");
    stage.replaceChildren(make("p", say("正在核验…", "Checking…"), { class: "scan-wait", role: "status" }));
    try {
      show(await check(text, scene()));
    } catch {
      idle(say("没能核验，请再试一次。", "Could not check; please try again."));
    } finally {
      busy = false;
      last = { text, at: Date.now() };
      stage.removeAttribute("aria-busy");
      void refresh();
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value;
    field.value = "";
    void judge(text);
  });
  // A handheld reader types wherever the focus is; its texts begin with this letter.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Y" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.target as Element).closest("input, textarea, select, dialog")) field.focus({ preventScroll: true });
  });

  /* --- Camera --- */

  const close = (): void => {
    turn += 1;
    stream?.getTracks().forEach((track) => track.stop());
    stream = undefined;
    video.srcObject = null;
  };

  /** Looks at the camera until a code is found, the camera is let go, or a later call takes over. */
  const look = async (): Promise<void> => {
    const mine = turn += 1;
    const end = Date.now() + IDLE;
    const box = make("div", "", { class: "scan-camera" });
    box.append(video, make("div", "", { class: "scan-frame", "aria-hidden": "true" }));
    const row = make("div", "", { class: "actions" });
    const torch = stream?.getVideoTracks()[0];
    if ((torch?.getCapabilities?.() as { torch?: boolean } | undefined)?.torch) {
      const light = press(say("打开照明", "Light on"), "flashlight", "quiet", () => {
        const on = light.getAttribute("aria-pressed") !== "true";
        torch?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] }).then(() => {
          light.setAttribute("aria-pressed", String(on));
          light.lastChild?.replaceWith(on ? say("关闭照明", "Light off") : say("打开照明", "Light on"));
        }, () => undefined);
      });
      light.setAttribute("aria-pressed", "false");
      row.append(light);
    }
    row.append(press(say("选择图片", "Choose a picture"), "image-up", "quiet", choosePicture), press(say("关闭摄像头", "Stop the camera"), "x", "quiet", () => {
      close();
      camera = false;
      ready();
    }));
    stage.replaceChildren(box, row);
    try {
      await video.play();
      const read = await reader();
      while (turn === mine && Date.now() < end) {
        const text = await read(video);
        if (text && turn === mine) return void judge(text);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
      if (turn !== mine) return;
      close();
      idle();
    } catch {
      if (turn !== mine) return;
      close();
      idle(say("没能读取画面。请联网重试，或用手持扫码枪。", "Could not read the picture. Try again with a network, or use a handheld reader."));
    }
  };

  const open = async (): Promise<void> => {
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } } });
      video.srcObject = stream;
      camera = true;
      await look();
    } catch (e) {
      close();
      const name = (e as DOMException | null)?.name;
      idle(name === "NotAllowedError" ? say("浏览器没有允许使用摄像头。请在地址栏旁的设置里允许，或用手持扫码枪。", "The browser does not allow the camera. Allow it beside the address, or use a handheld reader.")
        : name === "NotFoundError" ? say("这台设备没有摄像头，可用手持扫码枪或选择图片。", "This device has no camera; use a handheld reader or a picture.")
          : say("摄像头打不开，可能正被别的程序使用。", "The camera can't be opened; another program may be using it."));
    }
  };

  const choosePicture = (): void => {
    const input = make("input", "", { type: "file", accept: "image/*" });
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (!file) return;
      close();
      camera = false;
      const found = async (): Promise<string | undefined> => (await reader())(await createImageBitmap(file), true);
      found().then((text) => (text ? judge(text) : idle(say("这张图片里没有找到码。", "There is no code in this picture."))),
        () => idle(say("这张图片读不出来。", "This picture can't be read.")));
    });
    input.click();
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden || !stream) return;
    close();
    idle();
  });
  addEventListener("pagehide", close);

  /* --- The list and what waits --- */

  const age = (seconds: number): string => {
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    if (minutes < 1) return say("刚刚更新", "renewed just now");
    if (hours < 1) return say(`${minutes} 分钟前更新`, `renewed ${minutes} min ago`);
    return hours < 48 ? say(`${hours} 小时前更新`, `renewed ${hours} h ago`) : say(`${Math.floor(hours / 24)} 天前更新`, `renewed ${Math.floor(hours / 24)} days ago`);
  };

  const line = (tone: string, words: string, ...more: string[]): HTMLElement => {
    const row = make("div", "", { class: "scan-line" });
    row.append(make("span", words, { class: `light ${tone}` }), ...more.map((text) => make("p", text, { class: "muted small" })));
    return row;
  };

  const refresh = async (): Promise<void> => {
    const [kept, n] = [await keptList(), await countWaiting()];
    const rows = [navigator.onLine ? line("green", say("已联网，由系统核验", "Online; the system checks")) : line("yellow", say("没有网络，离线核验", "No network; checking offline"))];
    if (!kept) rows.push(line("red", say("没有离线名单", "No offline list"), say("断网时不能核验。", "Without a network nothing can be checked.")));
    else {
      const [t, end] = [now(), new Date(kept.list.expires_at * 1000)];
      const until = say(`可用到 ${day(end)} ${clock(end)}`, `Good until ${day(end)}, ${clock(end)}`);
      const words = say(`离线名单 ${age(t - kept.at)}`, `Offline list ${age(t - kept.at)}`);
      if (t > kept.list.expires_at) rows.push(line("red", say("离线名单已过期", "The offline list has expired"), say("请联网更新。", "Connect to renew it.")));
      else rows.push(line(t - kept.at > STALE ? "yellow" : "green", words, until));
    }
    if (listFault instanceof Refused) rows.push(line("red", say("没有取到新的离线名单", "The offline list could not be renewed"), listFault.title));
    else if (listFault) {
      const row = line("red", say("新名单的签名对不上，没有采用", "A new list is not signed by a known key; it is not used"), say("只有在确知系统换过密钥时，才可以重新取得名单。", "Fetch the list anew only if you know that the city changed its keys."));
      // A form, because the page's own script asks before it sends one.
      const again = make("form");
      again.append(make("button", say("重新取得名单", "Fetch anew"), {
        class: "button quiet small", "data-confirm": say("本机将不再核对新名单与旧名单是否同出一家。确定重新取得吗？", "This reader will no longer check that the new list follows from the old one. Fetch it anew?"),
      }));
      again.addEventListener("submit", (event) => {
        event.preventDefault();
        void forgetList().then(renew);
      });
      row.append(again);
      rows.push(row);
    }
    if (n) rows.push(line("yellow", say(`${n} 条记录等待补传`, `${n} records wait to be sent`), navigator.onLine ? "" : say("联网后自动补传。", "They are sent once there is a network.")));
    if (uploads.length) rows.push(line("red", say(`补传时 ${uploads.length} 条未被接受`, `${uploads.length} sent records were not accepted`), ...new Set(uploads)));
    status.replaceChildren(...rows);
    status.hidden = false;
  };

  const renew = async (): Promise<void> => {
    if (navigator.onLine) {
      try {
        await renewList();
        listFault = undefined;
      } catch (e) {
        if (!(e instanceof Unreached)) listFault = e;
      }
      try {
        uploads = [...uploads, ...(await uploadWaiting())];
      } catch { /* they wait */ }
    }
    await refresh();
  };

  addEventListener("online", () => void renew());
  addEventListener("offline", () => void refresh());
  setInterval(() => void renew(), RENEW);
  setInterval(() => void refresh(), 60_000);
  // Without the browser's own detector the decoder must be here before the network goes.
  void reader().catch(() => undefined);
  // A result that the server rendered stays.
  if (!stage.querySelector(".verdict")) idle();
  if (!coarse) field.focus({ preventScroll: true });
  void renew();
}

all("[data-scanner]").slice(0, 1).forEach(scanner);
