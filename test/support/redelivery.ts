import { setTimeout as delay } from 'node:timers/promises';
import { type Random, seededRandom } from '../../simulate/seeded-random';
import {
  type CloudEvent,
  type CompletionWrite,
  completionEvent,
  type JsonValue,
} from './cloud-event';
import type { CompletionRow } from './mirror-tables';

export { seededRandom };

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, at: random() }));
  return keyed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** What the mirror must show in the end: the newest write of each leaf. */
export interface ModelRow {
  couple_id: string;
  quest_id: string;
  user_id: string;
  payload: JsonValue;
  event_id: string;
  live: boolean;
}

export interface History {
  events: CloudEvent[];
  finalRows: ModelRow[];
}

/** A history of `leaves` completions, each written `writes` times: made, changed, deleted. */
export function randomHistory(leaves: number, writes: number, random: Random): History {
  const events: CloudEvent[] = [];
  const finalRows: ModelRow[] = [];
  for (let leaf = 0; leaf < leaves; leaf += 1) {
    const key = {
      coupleId: `ann${leaf % 7}_zed`,
      questId: `quest_${leaf}`,
      userId: leaf % 2 ? 'zed' : `ann${leaf % 7}`,
    };
    let before: JsonValue = null;
    let id = '';
    for (let step = 1; step <= writes; step += 1) {
      const after: JsonValue = nextValue(step, random);
      id = `leaf${leaf}-step${step}`;
      const time = `2025-11-19T12:${String(step).padStart(2, '0')}:00.${String(leaf).padStart(6, '0')}Z`;
      const write: CompletionWrite = { ...key, before, after, time, id };
      events.push(completionEvent(write));
      before = after;
    }
    finalRows.push({
      couple_id: key.coupleId,
      quest_id: key.questId,
      user_id: key.userId,
      payload: before,
      event_id: id,
      live: before !== null,
    });
  }
  return { events, finalRows: finalRows.sort(byKey) };
}

function nextValue(step: number, random: Random): JsonValue {
  const dice = random();
  if (dice < 0.3) return null;
  return dice < 0.6 ? true : { completedAt: 1763553600000, step };
}

/** The rows in the model's terms and order. */
export function asModel(rows: readonly CompletionRow[]): ModelRow[] {
  return rows
    .map(({ couple_id, quest_id, user_id, payload, event_id, deleted_at }) => ({
      couple_id,
      quest_id,
      user_id,
      payload,
      event_id: event_id ?? '',
      live: deleted_at === null,
    }))
    .sort(byKey);
}

function byKey(a: ModelRow, b: ModelRow): number {
  return a.quest_id < b.quest_id ? -1 : 1;
}

export interface Deliveries {
  /** Answers by status; 0 = no answer came. */
  statuses: Map<number, number>;
  acknowledged: number;
}

export interface RedeliveryOptions {
  /** Sends one event; answers the status. */
  send(event: CloudEvent): Promise<number>;
  random: Random;
  concurrency?: number;
  /** The share of events that are delivered once more after they were acknowledged. */
  duplicates?: number;
  /** Called after each acknowledgement with how many there were so far. */
  onAcknowledged?: (count: number) => void;
}

const BACKOFF_MS = 50;
const GIVE_UP_MS = 45_000;

/**
 * Delivers events as the platform does: in any order, some twice, each again until it is
 * acknowledged. Resolves once all are.
 */
export async function deliverUntilAcknowledged(
  events: readonly CloudEvent[],
  options: RedeliveryOptions,
): Promise<Deliveries> {
  const { random, concurrency = 40, duplicates = 0.2 } = options;
  const queue = shuffled([...events, ...events.filter(() => random() < duplicates)], random);
  const result: Deliveries = { statuses: new Map(), acknowledged: 0 };
  const deadline = Date.now() + GIVE_UP_MS;
  const worker = async (): Promise<void> => {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      const status = await options.send(event);
      result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1);
      if (status >= 200 && status < 300) {
        result.acknowledged += 1;
        options.onAcknowledged?.(result.acknowledged);
        continue;
      }
      if (Date.now() > deadline) throw new Error(`event ${String(event.id)} is refused forever`);
      await delay(BACKOFF_MS * (0.5 + random()));
      queue.push(event);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return result;
}
