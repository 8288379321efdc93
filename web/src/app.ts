/**
 * Progressive enhancement of server-rendered pages. Every page works without this file; nothing here decides
 * anything, it only saves the reader time. Each function enhances one attribute of the markup.
 */

import { all, clock, make, say } from "./dom";

/** A short spoken and shown message that leaves by itself. */
function toast(text: string): void {
  all(".toast").forEach((old) => old.remove());
  const node = make("div", text, { class: "toast", role: "status" });
  document.body.append(node);
  setTimeout(() => node.remove(), 3000);
}

/* --- Forms --- */

/** How to undo what the guard did to each sent form. */
const sent = new Map<HTMLFormElement, () => void>();

function unlock(): void {
  sent.forEach((free) => free());
  sent.clear();
}

/** A second press of a submit button would send the form twice. */
function guardSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement;
  if (event.defaultPrevented || form.getAttribute("method")?.toLowerCase() !== "post") return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  const pressed = event.submitter;
  const buttons = Array.from(form.elements)
    .filter((field): field is HTMLButtonElement => field instanceof HTMLButtonElement && field.type === "submit" && !field.disabled);
  sent.set(form, () => {
    pressed?.removeAttribute("aria-busy");
    buttons.forEach((button) => { button.disabled = false; });
  });
  // After the browser has collected the fields, so that the pressed button's own value is sent.
  setTimeout(() => {
    pressed?.setAttribute("aria-busy", "true");
    buttons.forEach((button) => { button.disabled = true; });
  });
  // An answer that is a file leaves this page standing.
  setTimeout(unlock, 20_000);
}

/** `data-confirm="question"` on a button or link asks before acting. */
function confirmFirst(event: MouseEvent): void {
  const source = (event.target as Element).closest<HTMLElement>("[data-confirm]");
  if (!source || typeof HTMLDialogElement === "undefined") return;
  const button = source instanceof HTMLButtonElement ? source : null;
  // An incomplete form is told so by the browser first.
  if (button?.form && !button.formNoValidate && !button.form.noValidate && !button.form.checkValidity()) return;
  event.preventDefault();
  const dialog = make("dialog", "", { "aria-labelledby": "confirm-question" });
  const yes = make("button", source.dataset.confirmLabel ?? source.textContent?.trim() ?? say("确定", "Confirm"), {
    class: source.classList.contains("danger") ? "button danger" : "button", type: "button",
  });
  const no = make("button", say("再想想", "Cancel"), { class: "button quiet", type: "button" });
  const row = make("div", "", { class: "actions end" });
  row.append(no, yes);
  dialog.append(make("p", source.dataset.confirm, { id: "confirm-question" }), row);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    source.focus();
  });
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close();
    if (button?.form) button.form.requestSubmit(button);
    else if (source instanceof HTMLAnchorElement) location.assign(source.href);
  });
  dialog.showModal();
  no.focus();
}

/** `data-watch="address" data-state="now"`: loads the page again once the address tells another state. */
function watch(node: HTMLElement): void {
  const look = async (): Promise<void> => {
    if (document.visibilityState === "visible") {
      try {
        const answer = await fetch(node.dataset.watch ?? "", { headers: { accept: "application/json" } });
        if (answer.ok && (await answer.json()).state !== node.dataset.state) return location.reload();
      } catch { /* Without a network the state is asked for again later. */ }
    }
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}

/** How much of a limited text is used. */
function countText(area: HTMLTextAreaElement): void {
  const note = make("span", "", { class: "counter" });
  const show = (): void => {
    note.textContent = say(`${area.value.length} / ${area.maxLength} 字`, `${area.value.length} of ${area.maxLength} characters`);
    note.classList.toggle("over", area.value.length >= area.maxLength);
  };
  area.after(note);
  area.addEventListener("input", show);
  show();
}

const size = (bytes: number): string =>
  bytes < 1_048_576 ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / 1_048_576).toFixed(1)} MB`;

/** The whole field takes dropped files, and names what was chosen. `data-max-bytes` warns before sending. */
function nameFiles(input: HTMLInputElement): void {
  const zone = input.closest<HTMLElement>(".drop, .field, li") ?? input;
  const list = make("ul", "", { class: "upload-list chosen", "aria-live": "polite" });
  const limit = Number(input.dataset.maxBytes ?? Infinity);
  let previews: string[] = [];
  const show = (): void => {
    previews.forEach((url) => URL.revokeObjectURL(url));
    previews = [];
    list.replaceChildren();
    for (const file of Array.from(input.files ?? [])) {
      const item = make("li");
      if (/^image\/(png|jpeg|webp)$/.test(file.type)) {
        const url = URL.createObjectURL(file);
        previews.push(url);
        item.append(make("img", "", { src: url, alt: "" }));
      }
      item.append(make("span", file.name), make("span", size(file.size), { class: "muted small" }));
      if (file.size > limit) {
        item.append(make("span", say(`超过 ${size(limit)}`, `over ${size(limit)}`), { class: "tag bad" }));
      }
      list.append(item);
    }
    if (list.childElementCount) input.after(list);
    else list.remove();
    const over = Array.from(input.files ?? []).some((file) => file.size > limit);
    input.setCustomValidity(over ? say(`文件不能超过 ${size(limit)}`, `Files may not be over ${size(limit)}`) : "");
  };
  input.addEventListener("change", show);
  zone.addEventListener("dragover", (event) => {
    if (input.disabled || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.add("dropping");
  });
  for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => zone.classList.remove("dropping"));
  zone.addEventListener("drop", (event) => {
    const given = event.dataTransfer?.files;
    if (input.disabled || !given?.length) return;
    event.preventDefault();
    const chosen = new DataTransfer();
    for (const file of Array.from(given).slice(0, input.multiple ? undefined : 1)) chosen.items.add(file);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** `data-autosave="/address"` sends a changed form every 20 s, encoded as the form itself would be, without files. */
function autosave(form: HTMLFormElement): void {
  const url = form.dataset.autosave;
  if (!url) return;
  const status = form.querySelector<HTMLElement>("[data-autosave-status]")
    ?? document.querySelector<HTMLElement>("[data-autosave-status]");
  let changed = false;
  let busy = false;
  const tell = (text: string): void => {
    if (status) status.textContent = text;
  };
  const save = async (leaving: boolean): Promise<void> => {
    if (!changed || busy || sent.has(form)) return;
    changed = false;
    busy = true;
    const data = new FormData(form);
    for (const [name, value] of Array.from(data.entries())) if (typeof value !== "string") data.delete(name);
    const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data as unknown as Record<string, string>);
    try {
      const answer = await fetch(url, { method: "POST", body, keepalive: leaving, headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      tell(say(`草稿已保存 ${clock()}`, `Draft saved at ${clock()}`));
    } catch {
      changed = true;
      tell(say("草稿还没有保存，会自动再试", "Draft not saved yet; will try again"));
    } finally {
      busy = false;
    }
  };
  const touch = (): void => {
    changed = true;
  };
  form.addEventListener("input", touch);
  form.addEventListener("change", touch);
  setInterval(() => void save(false), 20_000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") void save(true);
  });
}

/** The values a named field of a form holds now; an unchecked box holds none. */
function valuesOf(root: ParentNode, name: string): string[] {
  return all<HTMLInputElement | HTMLSelectElement>(`[name="${CSS.escape(name)}"]`, root)
    .filter((field) => !field.disabled && (!/^(radio|checkbox)$/.test(field.type) || (field as HTMLInputElement).checked))
    .flatMap((field) => (field instanceof HTMLSelectElement ? Array.from(field.selectedOptions, (o) => o.value) : [field.value]));
}

/** `data-show-when="name=a|b"` shows a part only then; its fields are not sent while hidden. */
function showWhen(root: ParentNode): void {
  for (const part of all("[data-show-when]", root)) {
    const [name = "", wanted] = (part.dataset.showWhen ?? "").split(/=(.*)/s);
    const held = valuesOf(part.closest("form") ?? document, name);
    const shown = wanted === undefined ? held.some((v) => v !== "") : wanted.split("|").some((v) => held.includes(v));
    part.hidden = !shown;
    const fields = all<HTMLInputElement>("input, select, textarea, button", part);
    if (part.matches("input, select, textarea, button")) fields.push(part as HTMLInputElement);
    for (const field of fields) {
      if (!shown && !field.disabled) {
        field.disabled = true;
        field.dataset.held = "";
      } else if (shown && field.dataset.held !== undefined && !field.closest("[data-show-when][hidden]")) {
        field.disabled = false;
        delete field.dataset.held;
      }
    }
  }
}

/* --- Search --- */

interface Suggestion { title: string; href: string; summary?: string }

/** `data-suggest="/api/v1/search"`: suggestions as a combobox, arrows to move, Enter to open, Escape to close. */
function suggest(input: HTMLInputElement, serial: number): void {
  const url = input.dataset.suggest;
  if (!url) return;
  const list = make("ul", "", { class: "suggest", role: "listbox", id: `suggest-${serial}`, hidden: "" });
  list.setAttribute("aria-label", say("搜索建议", "Suggestions"));
  (input.closest(".search-box") ?? input.parentElement ?? document.body).append(list);
  for (const [name, value] of Object.entries({
    role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
  })) input.setAttribute(name, value);
  let at = -1;
  let timer = 0;
  let request: AbortController | undefined;
  const options = (): HTMLElement[] => all("li", list);
  const close = (): void => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (next: number): void => {
    const items = options();
    at = (next + items.length + 1) % (items.length + 1);
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    const item = items[at];
    if (item) {
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };
  const ask = async (): Promise<void> => {
    const q = input.value.trim();
    request?.abort();
    if (!q) return close();
    request = new AbortController();
    const { signal } = request;
    try {
      const target = new URL(url, location.href);
      target.searchParams.set("q", q);
      const answer = await fetch(target, { headers: { accept: "application/json" }, signal });
      if (!answer.ok) return close();
      const { items } = (await answer.json()) as { items: Suggestion[] };
      if (document.activeElement !== input || !items?.length) return close();
      list.replaceChildren(...items.slice(0, 8).map((found, i) => {
        const item = make("li", "", { role: "option", id: `${list.id}-${i}`, "aria-selected": "false" });
        const link = make("a", found.title, { href: found.href, tabindex: "-1" });
        if (found.summary) link.append(make("small", found.summary));
        item.append(link);
        return item;
      }));
      at = -1;
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    } catch {
      if (!signal.aborted) close(); // without suggestions the form still searches
    }
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), 180);
  };
  input.addEventListener("input", (event) => {
    if (!(event as InputEvent).isComposing) later();
  });
  input.addEventListener("compositionend", later);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      mark(event.key === "ArrowDown" ? at + 1 : (at < 0 ? options().length : at) - 1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Enter") {
      const link = options()[at]?.querySelector("a");
      if (link) {
        event.preventDefault();
        location.assign(link.href);
      }
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // a click must not blur the box first
  input.addEventListener("blur", close);
}

/* --- Keys --- */

/** `/` goes to the search box; j, k and Enter walk the rows of a `table[data-keys]`. */
function keys(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if ((event.target as Element).closest("input, textarea, select, [contenteditable], dialog")) return;
  if (event.key === "/") {
    const box = document.querySelector<HTMLInputElement>("input[data-suggest], input[type=search], .search-box input");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
    return;
  }
  const rows = all<HTMLTableRowElement>("table[data-keys] tbody tr").filter((row) => row.querySelector("a[href]"));
  if (!rows.length || (event.key !== "j" && event.key !== "k")) return;
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const marked = now >= 0 ? now : rows.findIndex((row) => row.matches("[aria-selected=true]"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, marked + (event.key === "j" ? 1 : -1)))];
  rows.forEach((row) => row.setAttribute("aria-selected", String(row === next)));
  // The focused link itself takes Enter.
  next?.querySelector<HTMLElement>("a[href]")?.focus();
}

/* --- Live parts --- */

/** Elements with `data-live="topic"` are fetched again when `/live` names their topic. */
function live(): void {
  if (!document.querySelector("[data-live]") || typeof EventSource === "undefined") return;
  const due = new Set<string>();
  let timer = 0;
  let broken = false;
  const busy = (part: Element): boolean =>
    part.contains(document.activeElement) && !!document.activeElement?.matches("input, textarea, select");
  const swap = async (): Promise<void> => {
    if (!due.size || document.visibilityState === "hidden") return;
    const topics = new Set(due);
    due.clear();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const news = all("[data-live]", fresh);
      const used = new Set<HTMLElement>();
      for (const part of all("[data-live]")) {
        const topic = part.dataset.live ?? "";
        const match = news.find((n) => n.dataset.live === topic && n.id === part.id && !used.has(n));
        if (!match) continue;
        used.add(match);
        if (!topics.has(topic) && !topics.has("")) continue;
        if (busy(part)) due.add(topic); // someone is typing in it: later
        else if (part.innerHTML !== match.innerHTML) {
          const focused = part.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
          const adopted = document.adoptNode(match);
          part.replaceWith(adopted);
          enhance(adopted);
          if (focused) adopted.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus();
        }
      }
    } catch {
      topics.forEach((topic) => due.add(topic));
    }
  };
  const soon = (topic: string): void => {
    due.add(topic);
    clearTimeout(timer);
    timer = window.setTimeout(() => void swap(), 300);
  };
  /** The topic is the event's data, as a word or as {"topic": "word"}; no data means any. */
  const heard = (event: MessageEvent<string>): void => {
    let topic = event.data.trim();
    if (topic.startsWith("{")) {
      try {
        topic = String((JSON.parse(topic) as { topic?: unknown }).topic ?? "");
      } catch {
        topic = "";
      }
    }
    if (!topic || all("[data-live]").some((part) => part.dataset.live === topic)) soon(topic);
  };
  const source = new EventSource("/live");
  source.addEventListener("message", heard);
  const named = new Set(all("[data-live]").map((part) => part.dataset.live ?? ""));
  named.forEach((topic) => topic && topic !== "message" && source.addEventListener(topic, () => soon(topic)));
  const lamp = (on: boolean): void => all(".live").forEach((node) => node.classList.toggle("off", !on));
  source.addEventListener("open", () => {
    lamp(true);
    if (broken) soon(""); // what was said meanwhile is not repeated
    broken = false;
  });
  source.addEventListener("error", () => {
    broken = true;
    lamp(false);
  });
  document.addEventListener("visibilitychange", () => void swap());
  document.addEventListener("focusout", () => setTimeout(() => void swap(), 300));
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}

/* --- Paper and clipboard --- */

async function press(event: MouseEvent): Promise<void> {
  const target = event.target as Element;
  if (target.closest("[data-print]")) {
    event.preventDefault();
    print();
    return;
  }
  const source = target.closest<HTMLElement>("[data-copy]");
  if (!source) return;
  event.preventDefault();
  const wanted = source.dataset.copy ?? "";
  const text = wanted.startsWith("#") ? document.querySelector(wanted)?.textContent ?? "" : wanted;
  try {
    await navigator.clipboard.writeText(text.trim());
    toast(say("已复制", "Copied"));
  } catch {
    toast(say("浏览器不允许复制，请手工选中后复制", "The browser refused; please select and copy by hand"));
  }
}

let boxes = 0;

/** Enhances everything inside `root`; runs again on parts that arrive later. */
function enhance(root: ParentNode): void {
  all<HTMLTextAreaElement>("textarea[maxlength]", root).forEach(countText);
  all<HTMLInputElement>("input[type=file]", root).forEach(nameFiles);
  all<HTMLFormElement>("form[data-autosave]", root).forEach(autosave);
  all<HTMLInputElement>("input[data-suggest]", root).forEach((input) => suggest(input, ++boxes));
  showWhen(root);
}

document.addEventListener("submit", guardSubmit);
document.addEventListener("click", confirmFirst);
document.addEventListener("click", (event) => void press(event));
document.addEventListener("keydown", keys);
for (const type of ["input", "change"]) document.addEventListener(type, () => showWhen(document));
addEventListener("pageshow", unlock);
enhance(document);
// On the way back to another system; without script the reader presses the button.
all<HTMLFormElement>("form[data-send-at-once]").forEach((form) => form.requestSubmit());
// After a refused form the reader, and the keyboard, begin at what is wrong.
document.querySelector<HTMLElement>(".error-summary")?.focus();
all("[data-watch]").forEach(watch);
live();
