import type { Reading } from '../rtdb/rtdb-client';
import type { Json } from '../values/json';
import { canonicalValue } from '../values/rtdb-value';
import type { PresentState, RtdbLocation } from './present-state';

/** What RTDB shows of a day, as far as it bears on an overwrite; null = it could not be read. */
export interface DayFacts {
  /** The quests that the day lists; none where there are too many to read. */
  questIds: ReadonlySet<string> | null;
  generatedAt: number | null;
  hasCompletions: boolean | null;
}

/** Reads the day that a write left; what one write changed shares one reading. */
export type ReadDay = (
  day: RtdbLocation,
  writeTime: string,
  rtdb: PresentState,
) => Promise<DayFacts>;

/** About 100 quests as the app writes them. */
const MAX_QUESTS_BYTES = 65_536;
const MAX_NUMBER_BYTES = 64;
/** `null` fits; whatever a day may hold instead of it need not be read. */
const MAX_NOTHING_BYTES = 4;
const DAYS_KEPT = 20;

/**
 * Only the few parts that are needed, each up to a bound: a day may be as large as its couple likes,
 * and every deletion in it is looked into.
 */
export function createDayReader(): ReadDay {
  const days = new Map<string, Promise<DayFacts>>();
  return (day, writeTime, rtdb) => {
    const key = `${day.instance} ${day.path} ${writeTime}`;
    const known = days.get(key);
    if (known) return known;
    const oldest = days.size >= DAYS_KEPT ? days.keys().next() : null;
    if (oldest && !oldest.done) days.delete(oldest.value);
    const facts = readFacts(day, rtdb).then((read) => {
      if (read.hasCompletions === null) days.delete(key);
      return read;
    });
    days.set(key, facts);
    return facts;
  };
}

async function readFacts(day: RtdbLocation, rtdb: PresentState): Promise<DayFacts> {
  const child = (key: string): RtdbLocation => ({ ...day, path: `${day.path}/${key}` });
  const [quests, generatedAt, completions] = await Promise.all([
    rtdb.readEvidence(child('quests'), { maxBytes: MAX_QUESTS_BYTES }),
    rtdb.readEvidence(child('generatedAt'), { maxBytes: MAX_NUMBER_BYTES }),
    rtdb.readEvidence(child('completions'), { shallow: true, maxBytes: MAX_NOTHING_BYTES }),
  ]);
  const stamp = wholeOf(generatedAt);
  return {
    questIds: quests === null ? null : listedQuestIds(wholeOf(quests)),
    generatedAt: typeof stamp === 'number' ? stamp : null,
    hasCompletions:
      completions === null ? null : !completions.isWhole || completions.value !== null,
  };
}

function wholeOf(reading: Reading | null): unknown {
  return reading?.isWhole ? reading.value : null;
}

function listedQuestIds(quests: unknown): Set<string> {
  const ids = new Set<string>();
  for (const quest of Object.values(asObject(canonicalValue(quests)))) {
    const { id } = asObject(quest);
    if (typeof id === 'string') ids.add(id);
  }
  return ids;
}

function asObject(value: Json): { [key: string]: Json } {
  if (value === null || typeof value !== 'object') return {};
  return Array.isArray(value) ? Object.fromEntries(value.entries()) : value;
}
