/** Reading QR codes out of pictures: by the browser where it can, otherwise by a decoder that is fetched for it. */

import type jsQR from "jsqr";

type Picture = HTMLVideoElement | ImageBitmap;
interface Detector { detect(source: Picture): Promise<{ rawValue: string }[]> }
interface DetectorKind { new (options: { formats: string[] }): Detector; getSupportedFormats(): Promise<string[]> }

/** Finds a code; undefined when there is none. `thorough` is for a still picture, which is looked at in several sizes. */
export type Reader = (source: Picture, thorough?: boolean) => Promise<string | undefined>;

const FRAME = 800; // pixels of the longer side; a code fills a good part of it
const STILL = [1600, 1000, 600];

const measure = (source: Picture): [number, number] =>
  source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.width, source.height];

function byScript(find: typeof jsQR): Reader {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (source, thorough) => {
    const [width, height] = measure(source);
    for (const longest of thorough ? STILL : [FRAME]) {
      const scale = Math.min(1, longest / Math.max(width, height));
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
      if (!context || !canvas.width || !canvas.height) return undefined;
      context.drawImage(source, 0, 0, canvas.width, canvas.height);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const found = find(data, canvas.width, canvas.height, { inversionAttempts: thorough ? "attemptBoth" : "dontInvert" });
      if (found?.data) return found.data;
    }
    return undefined;
  };
}

async function make(): Promise<Reader> {
  const kind = (globalThis as { BarcodeDetector?: DetectorKind }).BarcodeDetector;
  const formats = await kind?.getSupportedFormats().catch((): string[] => []);
  if (kind && formats?.includes("qr_code")) {
    const detector = new kind({ formats: ["qr_code"] });
    return async (source) => (await detector.detect(source))[0]?.rawValue;
  }
  return byScript((await import("jsqr")).default);
}

let made: Promise<Reader> | undefined;

export function reader(): Promise<Reader> {
  made ??= make();
  // A line that was down for the decoder may be up for the next press.
  made.catch(() => { made = undefined; });
  return made;
}
