/** What these pages keep in the browser (IndexedDB): keys can't be stored anywhere else without being readable. */

import type { Bytes, Kind } from "./format";
import type { List } from "./list";

/** A code that this device can show. */
export interface Held {
  kind: Kind;
  device: string;
  certificate: Bytes;
  key: CryptoKey;
  /** Set when the server said so; the device then stops showing the code. */
  revoked: boolean;
}

export interface KeptList { list: List; jws: string; at: number }
export interface Scan { code: string; scene: string; at: number }

interface Shapes {
  held: Held;
  /** Single values by name. */
  kept: { name: "list"; value: KeptList } | { name: "kind"; value: Kind };
  /** Codes that this reader has taken, until they have ended by themselves. */
  seen: { id: string; until: number };
  /** Taken without a network, not yet told to the server. */
  scans: Scan;
}
type Name = keyof Shapes;

let opened: Promise<IDBDatabase> | undefined;

const done = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("yiwang-code", 1);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore("held", { keyPath: "kind" });
      db.createObjectStore("kept", { keyPath: "name" });
      db.createObjectStore("seen", { keyPath: "id" }).createIndex("until", "until");
      db.createObjectStore("scans", { autoIncrement: true });
    };
    request.onsuccess = () => {
      // Another tab may bring a later shape.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function within<T>(name: Name, mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await database()).transaction(name, mode);
  const finished = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  const [result] = await Promise.all([done(act(transaction.objectStore(name))), finished]);
  return result;
}

export const get = <N extends Name>(name: N, key: string): Promise<Shapes[N] | undefined> =>
  within(name, "readonly", (store) => store.get(key) as IDBRequest<Shapes[N] | undefined>);
export const put = <N extends Name>(name: N, value: Shapes[N]): Promise<unknown> =>
  within(name, "readwrite", (store) => store.put(value));
export const remove = (name: Name, key: IDBValidKey): Promise<unknown> =>
  within(name, "readwrite", (store) => store.delete(key));
export const count = (name: Name): Promise<number> => within(name, "readonly", (store) => store.count());

/** The oldest scans that wait, each with its key. */
export async function waiting(limit: number): Promise<{ key: IDBValidKey; scan: Scan }[]> {
  const [keys, scans] = await Promise.all([
    within("scans", "readonly", (store) => store.getAllKeys(null, limit)),
    within("scans", "readonly", (store) => store.getAll(null, limit) as IDBRequest<Scan[]>),
  ]);
  return scans.flatMap((scan, i) => (keys[i] === undefined ? [] : [{ key: keys[i], scan }]));
}

export const hasSeen = async (id: string): Promise<boolean> => !!(await get("seen", id));

/** Notes a code as taken; false when it already was, also by another tab at this moment. */
export async function takeFirst(id: string, until: number, now: number): Promise<boolean> {
  await within("seen", "readwrite", (store) => {
    const past = store.index("until").openCursor(IDBKeyRange.upperBound(now, true));
    past.onsuccess = () => {
      past.result?.delete();
      past.result?.continue();
    };
    return past;
  });
  try {
    await within("seen", "readwrite", (store) => store.add({ id, until }));
    return true;
  } catch (e) {
    if ((e as DOMException | null)?.name === "ConstraintError") return false;
    throw e;
  }
}
