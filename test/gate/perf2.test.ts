import { cloneDatabase } from '../support/database';
import { Books } from './support/books';

jest.setTimeout(600000);
test('explain', async () => {
  const db = await cloneDatabase();
  const n = Number(process.env.N ?? 100000);
  const books = new Books(db);
  await books.healthy(0);
  const path = 'quest_completions';
  await db.query(`insert into mirror.readings (path, shard, keys, brought, read_at, full_at, counted_since, first_seen_at, whole_at)
    select '${path}', md5(n::text) || '_' || md5((n+1)::text), 50 + (random()*900)::int, (random()*10)::int, now() - random() * interval '90 minutes', now() - random() * interval '6 days', now() - interval '25 hours', now() - interval '30 days', array[now(), now()-interval '20 hours']
    from generate_series(1, ${n}) as n`);
  await db.query(`insert into mirror.divergence_log (path, ref, shard, key, kind, cause, severity, detected_by, written_after, written_before)
      select path, path || '/' || shard || '/x', shard, jsonb_build_object('couple_id', shard), 'missing_in_postgres', 'unknown', 'error', 'reconciler', now() - interval '10 hours', now() - interval '2 hours' from mirror.readings where path = '${path}' limit 300`);
  await db.query(`insert into mirror.divergence_log (path, ref, shard, key, kind, cause, severity, detected_by, written_after, written_before, resolved_at, resolved_by)
      select path, path || '/' || shard || '/y', shard, jsonb_build_object('couple_id', shard, 'quest_id', 'y', 'user_id', 'u', 'date_key', '2026-11-20'), 'missing_in_postgres', 'unknown', 'error', 'reconciler', now() - interval '10 hours', now() - interval '2 hours', now() - interval '1 hour', 'repair' from mirror.readings where path = '${path}' offset 300 limit 3000`);
  await db.query('vacuum analyze mirror.readings');
  await db.query('analyze mirror.divergence_log');
  const c = await db.pool.connect();
  let notes = '';
  c.on('notice', (m: any) => {
    notes += m.message + '\n';
  });
  await c.query(
    `load 'auto_explain'; set auto_explain.log_min_duration = 2; set auto_explain.log_nested_statements = on; set auto_explain.log_analyze = on; set client_min_messages = log; set auto_explain.log_buffers = off`,
  );
  await c.query(
    `select * from mirror.gate_evidence('quest_completions', null, '{}', '24 hours', '1 hour', '45 days')`,
  );
  const t0 = Date.now();
  await c.query(
    `select * from mirror.gate_evidence('quest_completions', null, '{}', '24 hours', '1 hour', '45 days')`,
  );
  require('fs').writeFileSync('/tmp/explain.txt', notes + (Date.now() - t0));
  c.release();
  await db.drop();
});
