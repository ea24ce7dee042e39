import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProof, type TestProof } from './support/proof';

let proof: TestProof;

beforeEach(async () => {
  proof = await startProof();
});

afterEach(() => proof.stop());

const TREES = JSON.parse(
  readFileSync(join(__dirname, '..', 'fixtures', 'app', 'app-trees.json'), 'utf8'),
) as Record<string, unknown>;

test('a first pass reads every shard of every path in full', async () => {
  for (const [name, tree] of Object.entries(TREES))
    await proof.rtdb.rest.set([name], tree as never);
  const done = await proof.work();
  const show = async (sql: string) =>
    (await proof.database.query(sql)).map((r) => JSON.stringify(r)).join('\n');
  console.log(done.failures, done.read, done.failed);
  console.log(
    await show(
      'select path, left(shard, 12) s, keys, in_flight, read_at is not null as read, full_at is not null as full, due_at - now() as due, counted_since, is_full_due from mirror.readings order by 1, 2',
    ),
  );
  console.log(
    await show(
      'select path, kind, keys, left(ref, 60) r, resolved_by from mirror.divergence_log order by 1, 2',
    ),
  );
  const again = await proof.work();
  console.log(
    again.failures,
    again.read,
    again.failed,
    again.outcomes.map((o) => [o.path, o.kind]),
  );
});
