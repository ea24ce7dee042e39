import { compareRtdbKeys, MAX_KEY_BYTES } from '../values/rtdb-key';
import { type RtdbAccess, RtdbReadError, requestRtdb, streamRtdb } from './rtdb-client';

/** Which children of a node, by their keys; without bounds, all. */
export interface KeyRange {
  /** Inclusive. */
  from?: string;
  /** Exclusive; in place of `from`. */
  after?: string;
  /** Inclusive. */
  to?: string;
  /** The first of them. */
  most?: number;
}

/**
 * Children of a node with all that they hold: days of a couple, or many small documents at once. Nothing
 * where the node is no branch.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data
 *
 * @returns key -> value, in RTDB's order; null = more than `maxBytes`: ask for fewer
 * @throws RtdbReadError
 */
export async function childrenOf(
  access: RtdbAccess,
  path: readonly string[],
  { from, after, to, most }: KeyRange,
  maxBytes?: number,
): Promise<Map<string, unknown> | null> {
  const query = {
    orderBy: '"$key"',
    ...(from === undefined ? {} : { startAt: JSON.stringify(from) }),
    ...(after === undefined ? {} : { startAfter: JSON.stringify(after) }),
    ...(to === undefined ? {} : { endAt: JSON.stringify(to) }),
    ...(most === undefined ? {} : { limitToFirst: String(most) }),
  };
  const bound = maxBytes === undefined ? {} : { maxBytes };
  const reading = await requestRtdb(access, { path, query, ...bound });
  return reading.isWhole ? new Map(entriesOf(reading.value)) : null;
}

/** RTDB shows keys that count up as a list. */
function entriesOf(node: unknown): [string, unknown][] {
  if (typeof node !== 'object' || node === null) return [];
  const entries = Object.entries(node).filter(([, value]) => value !== null);
  return entries.sort(([a], [b]) => compareRtdbKeys(a, b));
}

const PAGE_SIZE = 1_000;
/** A key of the most bytes, each as `\uXXXX`, and `"":true,`. */
const MAX_BYTES_A_KEY = MAX_KEY_BYTES * 6 + 8;
/** What reads the same as JSON and as bare text, and sorts the same by any rule. */
const PLAIN_KEY = /^[!#-~][ -~]*$/;

/**
 * All keys of a node, by pages, in memory for one; each once, and in no order that is promised. Nothing
 * where it is no branch.
 *
 * The guide says that `shallow` can't be used with filters; firebase-tools asks for it with
 * `limitToFirst` all the same, to remove large nodes, and has a bare `startAfter` beside it. So each page
 * is looked at: where a server refuses it, or doesn't go on after the last key, the rest comes from one
 * long `shallow` answer.
 *
 * Source: https://firebase.google.com/docs/database/rest/retrieve-data#shallow;
 * https://github.com/firebase/firebase-tools, src/database/listRemote.ts
 *
 * @param after only the keys behind this one, in RTDB's order
 * @throws RtdbReadError
 */
export async function* pagesOfKeys(
  access: RtdbAccess,
  path: readonly string[],
  pageSize = PAGE_SIZE,
  after: string | null = null,
): AsyncGenerator<string[], void> {
  let last = after;
  for (;;) {
    const page = await pageAfter(last, pageSize, access, path);
    if (page === null) break;
    if (page.length > 0) yield page;
    if (page.length < pageSize) return;
    last = page.at(-1) ?? null;
  }
  yield* pagesOfStream(last, pageSize, streamRtdb(access, { path, query: { shallow: 'true' } }));
}

/** The next page, in RTDB's order; null where it isn't certain to be that. */
async function pageAfter(
  last: string | null,
  pageSize: number,
  access: RtdbAccess,
  path: readonly string[],
): Promise<string[] | null> {
  if (last !== null && !PLAIN_KEY.test(last)) return null;
  const query = { shallow: 'true', limitToFirst: String(pageSize) };
  const reading = await requestRtdb(access, {
    path,
    query: last === null ? query : { ...query, startAfter: last },
    maxBytes: pageSize * MAX_BYTES_A_KEY,
  }).catch((error: unknown) => {
    if (error instanceof RtdbReadError && error.status === 400) return null;
    throw error;
  });
  if (!reading?.isWhole) return null;
  const keys = entriesOf(reading.value).map(([key]) => key);
  if (keys.length > pageSize) return null;
  if (last === null) return keys;
  // A full page before an empty one: at the end, or lost.
  const [first] = keys;
  return first !== undefined && compareRtdbKeys(first, last) > 0 ? keys : null;
}

async function* pagesOfStream(
  last: string | null,
  pageSize: number,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<string[], void> {
  let page: string[] = [];
  for await (const key of keysOfAnswer(chunks)) {
    if (last !== null && compareRtdbKeys(key, last) <= 0) continue;
    page.push(key);
    if (page.length < pageSize) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** An entry of a `shallow` answer, whole by what follows it. */
const ENTRY =
  /\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*(?:true|false|null|-?[\d.eE+-]+|"(?:[^"\\]|\\.)*")\s*(?=[,}])/gy;

async function* keysOfAnswer(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let isBranch = false;
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    let read = 0;
    for (const [entry, key = ''] of rest.matchAll(ENTRY)) {
      isBranch = true;
      read += entry.length;
      yield String(JSON.parse(key));
    }
    rest = rest.slice(read);
    // Whatever this is, it isn't the beginning of an entry.
    if (rest.length > MAX_BYTES_A_KEY) break;
  }
  if (isBranch ? rest.trim() === '}' : holdsNoKeys(rest)) return;
  throw new RtdbReadError("RTDB's list of keys is not whole JSON");
}

function holdsNoKeys(json: string): boolean {
  try {
    const node: unknown = JSON.parse(json);
    return typeof node !== 'object' || node === null || Object.keys(node).length === 0;
  } catch {
    return false;
  }
}
