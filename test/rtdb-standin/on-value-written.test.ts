import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { exportJson } from '../../rtdb-standin/data/export-json';
import { importJson } from '../../rtdb-standin/data/import-json';
import type { Json } from '../../rtdb-standin/data/json';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { OWNER, rest } from './support/rest';

interface Change {
  readonly before: { val(): unknown };
  readonly after: { val(): unknown };
}
type Handler = (event: { readonly data: Change }) => void;
type OnValueWritten = (path: string, handler: Handler) => (event: object) => void;

process.env.FIREBASE_CONFIG = JSON.stringify({ projectId: 'demo-quests' });
const fromFunctions = createRequire(join(__dirname, '../../functions/package.json'));
const { onValueWritten }: { onValueWritten: OnValueWritten } = fromFunctions(
  'firebase-functions/v2/database',
);

const changes = new Collector<Change>();
let standin: RtdbStandin;

beforeAll(async () => {
  const mirror = onValueWritten('fuzz/{id}', (event) => changes.add(event.data));
  standin = await startRtdbStandin({
    triggers: [{ refPattern: 'fuzz/{id}', eventTarget: mirror }],
  });
});

afterAll(() => standin.stop());

/** As RTDB keeps it: without nulls, arrays where it makes arrays. */
const normalised = (value: unknown): Json =>
  exportJson(importJson(value, { nowMs: 0, existing: null }));

const keys = fc.constantFrom('a', 'b', '0', '1', '10', '__proto', 'ż');
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(true, false, 1, 'x', null),
    fc.dictionary(keys, tie('json'), { maxKeys: 3 }),
    fc.array(tie('json'), { maxLength: 3 }),
  ),
}));

test('onValueWritten gets before and after as the database had them, whatever is written', async () => {
  let id = 0;
  await fc.assert(
    fc.asyncProperty(json, json, async (first, second) => {
      id += 1;
      changes.items.length = 0;
      const put = { method: 'PUT', headers: OWNER };
      for (const body of ['start', first, second, 'end']) {
        await rest(standin, `/fuzz/${id}.json`, { ...put, body });
      }
      const history = ['start', normalised(first), normalised(second), 'end'];
      const distinct = history.filter(
        (value, i) => i === 0 || JSON.stringify(value) !== JSON.stringify(history[i - 1]),
      );
      const seen = await changes.atLeast(distinct.length);
      expect(seen.map(({ before }) => normalised(before.val()))).toEqual([
        null,
        ...distinct.slice(0, -1),
      ]);
      expect(seen.map(({ after }) => normalised(after.val()))).toEqual(distinct);
    }),
    { numRuns: 100 },
  );
});
