import { readGate } from '../../functions/src/gate/read-gate';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { cloneDatabase } from '../support/database';
import { Books } from './support/books';

jest.setTimeout(600000);
test('large', async () => {
  const db = await cloneDatabase();
  const n = Number(process.env.N ?? 100000);
  const books = new Books(db);
  await books.healthy(0);
  const paths =
    (process.env.PATHS ?? 'all') === 'all'
      ? (await db.query<{ path: string }>('select path from mirror.paths')).map((p) => p.path)
      : ['quest_completions'];
  let t0 = Date.now();
  for (const path of paths)
    await db.query(`insert into mirror.readings (path, shard, keys, brought, read_at, full_at, counted_since, first_seen_at, whole_at)
    select '${path}', md5(n::text) || '_' || md5((n+1)::text), 50 + (random()*900)::int, (random()*10)::int, now() - random() * interval '90 minutes', now() - random() * interval '6 days', now() - interval '25 hours', now() - interval '30 days', array[now(), now()-interval '20 hours']
    from generate_series(1, ${n}) as n`);
  console.log('insert', Date.now() - t0);
  for (const path of paths) {
    await db.query(`insert into mirror.divergence_log (path, ref, shard, key, kind, cause, severity, detected_by, written_after, written_before)
      select path, path || '/' || shard || '/x', shard, jsonb_build_object('couple_id', shard), 'missing_in_postgres', 'unknown', 'error', 'reconciler', now() - interval '10 hours', now() - interval '2 hours' from mirror.readings where path = '${path}' limit 300`);
    await db.query(`insert into mirror.divergence_log (path, ref, shard, key, kind, cause, severity, detected_by, written_after, written_before, resolved_at, resolved_by)
      select path, path || '/' || shard || '/y', shard, jsonb_build_object('couple_id', shard, 'quest_id', 'y', 'user_id', 'u', 'date_key', '2026-11-20'), 'missing_in_postgres', 'unknown', 'error', 'reconciler', now() - interval '10 hours', now() - interval '2 hours', now() - interval '1 hour', 'repair' from mirror.readings where path = '${path}' offset 300 limit 3000`);
  }
  await db.query('vacuum analyze mirror.readings');
  await db.query('analyze mirror.divergence_log');
  for (let i = 0; i < 3; i++) {
    t0 = Date.now();
    const r = await readGate(
      db.statements,
      { paths: null, couple: null, threshold: 0.99, maxAgeMs: 7.2e6 },
      PROOF_TIMES,
    );
    console.log(
      n,
      paths.length,
      'gate',
      Date.now() - t0,
      'ms',
      r.verdict,
      JSON.stringify(r.paths.find((p) => p.path === 'quest_completions')).slice(0, 600),
      JSON.stringify(r.evidence.map((e) => [e.copy.tops.length, e.mirror.tops.length])),
    );
  }
  t0 = Date.now();
  await db.query(`update mirror.readings set due_at = now() where path = 'quest_completions'`);
  console.log('update all of one path', Date.now() - t0);
  t0 = Date.now();
  const r = await readGate(
    db.statements,
    { paths: null, couple: null, threshold: 0.99, maxAgeMs: 7.2e6 },
    PROOF_TIMES,
  );
  console.log('after update', Date.now() - t0, r.verdict);
  await db.query(`update mirror.listings set listed_at = now() - interval '3 hours'`);
  await db.query(
    `insert into mirror.coverage (from_at, to_at, reason) values (now() - interval '26 hours', now() - interval '25 hours', 'flag_off')`,
  );
  t0 = Date.now();
  const q = await readGate(
    db.statements,
    { paths: null, couple: null, threshold: 0.99, maxAgeMs: 7.2e6 },
    PROOF_TIMES,
  );
  console.log('after a gap', Date.now() - t0, q.verdict, JSON.stringify(q.paths[0]).slice(0, 400));
  t0 = Date.now();
  await readGate(
    db.statements,
    { paths: null, couple: 'nobody', threshold: 0.99, maxAgeMs: 7.2e6 },
    PROOF_TIMES,
  );
  console.log('couple', Date.now() - t0);
  await db.drop();
});
