/** A QR code as a drawing: one path, sharp at every size. */

import { encode } from "uqr";
import { draw } from "../dom";

const QUIET = 4; // modules of white around, as the standard asks

export function qr(text: string, label: string): SVGSVGElement {
  const { data, size } = encode(text, { ecc: "L", boostEcc: true, border: 0 });
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < size; x += 1) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x += 1;
      path += `M${from + QUIET} ${y + QUIET}h${x - from + 1}v1h-${x - from + 1}z`;
    }
  });
  const whole = size + 2 * QUIET;
  const svg = draw("svg", { viewBox: `0 0 ${whole} ${whole}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" });
  svg.append(draw("path", { d: path, fill: "#000" }));
  return svg;
}
