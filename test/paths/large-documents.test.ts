import fc from 'fast-check';
import { claimOf } from '../../functions/src/mirror/claim';
import type { DeliveredEvent } from '../../functions/src/mirror/delivered-event';
import { parseLeafEvent } from '../../functions/src/mirror/leaf-event';
import { memoryPuzzles } from '../../functions/src/paths/memory-puzzles';
import { steps } from '../../functions/src/paths/steps';
import type { JsonValue } from '../support/cloud-event';
import { cloneDatabase, type TestDatabase } from '../support/database';
import { mirrorPathOn, type TestMirror } from '../support/mirror';
import { divergences } from '../support/mirror-tables';
import { hostileKey } from '../support/rtdb-model';
import { refOf, writeAt } from './support/path-events';

/** From here on a hash of the value before is sent in its place. */
const LARGE = 8_193;

const key = fc.oneof(hostileKey, fc.string({ unit: 'grapheme', minLength: 1 }));
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 2 ** 53, 1e22),
);
const text = fc.string({ unit: 'grapheme' }).filter((each) => !each.includes('\0'));
const { node } = fc.letrec<{ node: JsonValue }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    ...[number, text, fc.boolean()],
    fc.array(tie('node'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(key, tie('node')), { selector: ([name]) => name, maxLength: 4 })
      .map((fields): JsonValue => Object.fromEntries(fields)),
  ),
}));

/** Values of one document, one after another; most are large. */
const life = fc
  .array(fc.tuple(node, fc.constantFrom(0, LARGE, LARGE, 70_000)), { minLength: 3, maxLength: 6 })
  .map((states) =>
    // Counted, so that no write leaves the document as it was.
    states.map(([value, bytes], n) => ({ n, value, filler: 'é'.repeat(bytes / 2) })),
  );

let database: TestDatabase;

beforeAll(async () => {
  database = await cloneDatabase();
  await database.query(`update mirror.paths set first_pass_at = '2025-01-01'`);
  // A day up to which a leaf may be older than the mirror.
  await database.query(`update mirror.paths set began_at = '2025-01-01'`);
});

afterAll(() => database.drop());

describe.each([memoryPuzzles, steps])('large documents of $name', (mirrored) => {
  const ref = refOf(mirrored);
  let under: TestMirror;

  beforeAll(() => {
    under = mirrorPathOn(mirrored, database.url, () => null);
  });

  beforeEach(empty);

  afterAll(() => under.store.close());

  async function empty() {
    await database.query(`truncate rtdb.${mirrored.name}, mirror.divergence_log`);
  }

  /** The events of a life, the removal at its end included. */
  const eventsOf = (states: readonly JsonValue[]) =>
    [...states, null].map((after, n) =>
      writeAt(ref, after, {
        ...{ id: `e${n}`, before: states[n - 1] ?? null },
        time: `2025-11-19T12:00:0${n}Z`,
      }),
    );

  const beforeOf = (event: DeliveredEvent) => {
    const parsed = parseLeafEvent(event, mirrored);
    return parsed.kind === 'leaf' ? claimOf(parsed, { mirrored, retentionDays: 0 }).before : null;
  };

  test('are told apart by a hash from 8 KB on, and sent whole below', () => {
    const update = (bytes: number) =>
      beforeOf(writeAt(ref, true, { before: { filler: 'x'.repeat(bytes) } }));
    expect(update(LARGE)).toEqual({ known: true, hash: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(update(8_000)).toMatchObject({ known: true, payload: expect.anything() });
    const replaced = (bytes: number) => writeAt(ref, true, { before: 'x'.repeat(bytes) });
    expect(beforeOf(replaced(LARGE))).toHaveProperty('hash');
    expect(beforeOf(replaced(8_000))).toHaveProperty('payload');
  });

  test('that no event skips give no row of a missed one', async () => {
    await fc.assert(
      fc.asyncProperty(life, async (states) => {
        await empty();
        for (const event of eventsOf(states)) {
          expect(await under.mirror(event)).toMatchObject({
            outcome: 'applied',
            missedEvent: false,
          });
        }
        expect(await divergences(database)).toEqual([]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  test('show that an event is missing, until it comes', async () => {
    await fc.assert(
      fc.asyncProperty(life, fc.nat(), async (states, place) => {
        await empty();
        const events = eventsOf(states);
        const skipped = place % (events.length - 1);
        for (const [n, event] of events.entries()) {
          if (n === skipped) continue;
          expect(await under.mirror(event)).toMatchObject({
            outcome: 'applied',
            missedEvent: n === skipped + 1,
          });
        }
        expect(await divergences(database)).toMatchObject([
          { kind: 'missed_event', cause: 'unknown', severity: 'warning', resolved: false },
        ]);
        const [late] = events.slice(skipped);
        if (late !== undefined) await under.mirror(late);
        expect(await divergences(database)).toMatchObject([
          { kind: 'missed_event', cause: 'race', severity: 'info', resolved: true },
          { kind: 'out_of_order' },
        ]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  test('in one batch with others are told from them', async () => {
    const filler = 'x'.repeat(LARGE);
    const couples = Array.from({ length: 40 }, (_, n) => refOf(mirrored, `couple_${n}`));
    const mirrorAll = (write: (ref: string, n: number) => ReturnType<typeof writeAt>) =>
      Promise.all(couples.map((each, n) => under.mirror(write(each, n))));
    await mirrorAll((each, n) => writeAt(each, { n, filler }));
    const time = '2025-11-19T12:00:01Z';
    // Every second one was changed by a write that didn't come.
    await mirrorAll((each, n) =>
      writeAt(each, true, { id: `u${n}`, time, before: { n: n - (n % 2), filler } }),
    );
    const missed = await divergences(database);
    expect(missed.map((row) => row.ref)).toEqual(couples.filter((_, n) => n % 2 === 1).sort());
  });
});
