/** What every script of a page needs: the reader's language, finding elements and making them. */

const english = document.documentElement.lang.startsWith("en");

export const say = (zh: string, en: string): string => (english ? en : zh);
export const all = <T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T[] =>
  Array.from(root.querySelectorAll<T>(selector));
export const clock = (at = new Date()): string => at.toTimeString().slice(0, 5);

/** A day as the pages write it. */
export const day = (at: Date): string => (english
  ? at.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" })
  : `${at.getFullYear()}年${at.getMonth() + 1}月${at.getDate()}日`);

/** Creates an element with text; attributes of value "" are set, undefined ones are left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K, text = "", attributes: Record<string, string | undefined> = {},
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function draw<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string>): SVGElementTagNameMap[K] {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** An icon of the sprite, as the macro of the templates writes it. */
export function icon(name: string): SVGSVGElement {
  const node = draw("svg", { class: "icon", "aria-hidden": "true" });
  node.append(draw("use", { href: `/assets/icons.svg#i-${name}` }));
  return node;
}
