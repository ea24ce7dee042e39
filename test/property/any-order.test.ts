import fc from 'fast-check';
import type { DeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { parseCompletionValue } from '../../functions/src/paths/quest-completions/completion-value';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorOn, type TestMirror, writeOf } from '../support/mirror';

const VALUES = [true, false, null, 1763553600000, { completedAt: 1763553600000, n: 1 }, 'yes'];
const EPOCH_MS = Date.parse('2025-11-19T12:00:00Z');

interface Write {
  value: (typeof VALUES)[number];
  /** Milliseconds since the leaf's last write; 0 makes a tie. */
  gapMs: number;
}

/** A leaf in RTDB: what it holds, and the events that its writes made. */
class ModelLeaf {
  value: unknown = null;
  readonly events: DeliveredEvent[] = [];
  #timeMs = EPOCH_MS;

  constructor(
    readonly ref: string,
    private readonly run: string,
  ) {}

  write({ value, gapMs }: Write): void {
    if (JSON.stringify(value) === JSON.stringify(this.value)) return;
    this.#timeMs += gapMs;
    this.events.push(
      writeOf({
        id: `${this.run}-${this.ref.length}-${this.events.length}`,
        time: new Date(this.#timeMs).toISOString(),
        ref: this.ref,
        before: this.value,
        after: value,
      }),
    );
    this.value = value;
  }

  /** RTDB's state, or that of the last valid write where RTDB holds what is no completion. */
  get mirrored(): unknown {
    const valid = this.events.filter(({ after }) => parseCompletionValue(after, '').ok);
    return valid.at(-1)?.after ?? null;
  }

  /** Where two writes have one instant, nothing tells in which order they were made. */
  get hasTies(): boolean {
    return new Set(this.events.map(({ time }) => time)).size < this.events.length;
  }

  /** A tie that is settled by reading a value that is no completion has no right answer. */
  get isDecidable(): boolean {
    return parseCompletionValue(this.value, '').ok || !this.hasTies;
  }
}

const writes = fc.array(
  fc.record({ value: fc.constantFrom(...VALUES), gapMs: fc.constantFrom(0, 1, 1, 5) }),
  { minLength: 1, maxLength: 7 },
);

describe('whatever order, repetition and overlap events come in', () => {
  let database: TestDatabase;
  let first: TestMirror;
  let second: TestMirror;
  const leaves = new Map<string, ModelLeaf>();
  let runs = 0;

  beforeAll(async () => {
    database = await cloneDatabase();
    const read = (path: string) => leaves.get(path)?.value ?? null;
    first = mirrorOn(database.url, read);
    // Another instance, with more connections: what one function instance never sees.
    second = mirrorOn(database.url, read, { connectionsMax: 2 });
  });

  afterAll(async () => {
    await Promise.all([first.store.close(), second.store.close()]);
    await database.drop();
  });

  function newLeaves(count: number): ModelLeaf[] {
    runs += 1;
    return Array.from({ length: count }, (_, n) => {
      const ref = `daily_quests/alice_bob/2025-11-19/completions/run_${runs}_${n}/bob`;
      const leaf = new ModelLeaf(ref, `run${runs}`);
      leaves.set(ref, leaf);
      return leaf;
    });
  }

  async function expectMirrored(model: ModelLeaf[]): Promise<void> {
    for (const leaf of model.filter(({ isDecidable, events }) => isDecidable && events.length)) {
      const rows = await database.query(
        'select payload, deleted_at from rtdb.quest_completions where quest_id = $1',
        [leaf.ref.split('/')[4]],
      );
      const wanted = leaf.mirrored === false ? null : leaf.mirrored;
      expect(rows.map(({ payload }) => payload)).toEqual(
        leaf.events.some(({ after }) => parseCompletionValue(after, '').ok) ? [wanted] : [],
      );
      expect(rows.map(({ deleted_at }) => deleted_at === null)).toEqual(
        rows.map(() => wanted !== null),
      );
    }
  }

  test('all written, then delivered: the row ends in RTDB’s state and nothing stays missed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(writes, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        async (model, order) => {
          const leavesNow = newLeaves(model.length);
          for (const [n, list] of model.entries()) for (const w of list) leavesNow[n]?.write(w);
          const all = leavesNow.flatMap(({ events }) => events);
          const again = all.filter((_, n) => (order[n] ?? 0) % 3 === 0);
          const shuffled = [...all, ...again]
            .map((event, n) => ({ event, rank: order[n % order.length] ?? n }))
            .sort((a, b) => a.rank - b.rank);
          await Promise.all(
            shuffled.map(({ event, rank }) => (rank % 2 ? first : second).mirror(event)),
          );
          await expectMirrored(leavesNow);
          const missed = await database.query(
            `select ref, detail from mirror.divergence_log
             where kind = 'missed_event' and resolved_at is null and ref = any($1)`,
            [leavesNow.filter(({ hasTies }) => !hasTies).map(({ ref }) => ref)],
          );
          expect(missed).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('written and delivered at once, step by step: the row ends in RTDB’s state', async () => {
    await fc.assert(
      fc.asyncProperty(
        writes,
        fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 30 }),
        async (list, schedule) => {
          const [leaf] = newLeaves(1) as [ModelLeaf];
          const undelivered: DeliveredEvent[] = [];
          const pending = [...list];
          for (const [writeNext, pick] of schedule) {
            const next = writeNext ? pending.shift() : undefined;
            if (next) {
              const known = leaf.events.length;
              leaf.write(next);
              undelivered.push(...leaf.events.slice(known));
            } else if (undelivered.length > 0) {
              const [event] = undelivered.splice(pick % undelivered.length, 1);
              if (event) await first.mirror(event);
              if (event && pick % 4 === 0) undelivered.push(event);
            }
          }
          const known = leaf.events.length;
          for (const write of pending) leaf.write(write);
          const rest = [...undelivered, ...leaf.events.slice(known)].reverse();
          await Promise.all(rest.map((event) => first.mirror(event)));
          await expectMirrored([leaf]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
