import { z } from 'zod';
import type { MirroredPath } from '../functions/src/paths/mirrored-path';
import { CANARY_COUPLE } from '../functions/src/paths/quest-completions/canary-couple';
import { type Step, stepsOfRef } from '../functions/src/paths/ref-pattern';
import type { Statements } from '../functions/src/postgres/statements';
import { instant } from '../functions/src/readings/gaps';
import type { Json, JsonObject } from '../functions/src/values/json';
import { canonicalValue, isSameValue } from '../functions/src/values/rtdb-value';
import { leafOf } from './ledger';

/** A key on which the two stores differ. */
export interface StoreDifference {
  path: string;
  ref: string;
  shard: string;
  kind: 'missing_in_postgres' | 'missing_in_rtdb' | 'value_mismatch' | 'client_only';
}

/** A row of a path's table, as the judge needs it. */
interface StoreRow {
  payload: Json;
  isClient: boolean;
}

/** One key of a path: what either store shows; null = nothing. */
export interface StoreKey {
  path: string;
  ref: string;
  shard: string;
  rtdb: Json;
  postgres: StoreRow | null;
}

const ROW = z.object({ row: z.custom<JsonObject>() });

const OPEN_DIFFERENCES = `
select
  path, ref, shard, kind, cause, keys, key is null as is_shared,
  to_jsonb(written_after) as written_after, to_jsonb(written_before) as written_before
from mirror.divergence_log
where resolved_at is null and written_before is not null
order by id
`;

const OPEN = z.object({
  path: z.string(),
  ref: z.string(),
  shard: z.string(),
  kind: z.string(),
  cause: z.string(),
  keys: z.number(),
  is_shared: z.boolean(),
  written_after: instant.nullable(),
  written_before: instant,
});

/** A difference that the log has open. */
export type OpenDifference = z.infer<typeof OPEN>;

export async function openDifferences(statements: Statements): Promise<OpenDifference[]> {
  return z.array(OPEN).parse(await statements.run(OPEN_DIFFERENCES, []));
}

/** Every key that either store shows, by whole exports of both, without the mirror's own comparison. */
export async function keysOfStores(
  paths: readonly MirroredPath[],
  exported: unknown,
  statements: Statements,
): Promise<StoreKey[]> {
  const keys: StoreKey[] = [];
  for (const path of paths) {
    const leaves = new Map<string, unknown>();
    collect(stepsOfRef(path.ref), [], exported, leaves);
    // The name is a declared path's.
    const rows = await statements.run(`select to_jsonb(q) as row from rtdb.${path.name} as q`, []);
    const shown = new Map(
      z
        .array(ROW)
        .parse(rows)
        .map(({ row }) => [refOf(path, row), row]),
    );
    for (const ref of new Set([...leaves.keys(), ...shown.keys()])) {
      const key = keyOf(path, ref, leaves.get(ref), shown.get(ref));
      if (key.shard !== CANARY_COUPLE) keys.push(key);
    }
  }
  return keys.filter(({ rtdb, postgres }) => rtdb !== null || postgres !== null);
}

/** How the stores differ at a key; null = they agree. */
export function differenceAt({ rtdb, postgres, ...at }: StoreKey): StoreDifference | null {
  const { path, ref, shard } = at;
  if (postgres === null) return { path, ref, shard, kind: 'missing_in_postgres' };
  if (rtdb === null) {
    return { path, ref, shard, kind: postgres.isClient ? 'client_only' : 'missing_in_rtdb' };
  }
  const isSame = isSameValue(rtdb, canonicalValue(postgres.payload));
  return isSame ? null : { path, ref, shard, kind: 'value_mismatch' };
}

function keyOf(
  path: MirroredPath,
  ref: string,
  held: unknown,
  row: JsonObject | undefined,
): StoreKey {
  const value = canonicalValue(held ?? null);
  // What the app writes for "not completed".
  const isGone = value === null || (path.name === 'quest_completions' && value === false);
  const isLive = row !== undefined && row.deleted_at === null;
  return {
    ...{ path: path.name, ref, shard: leafOf(path, ref).parts[0] ?? '' },
    rtdb: isGone ? null : value,
    postgres: isLive ? { payload: row.payload ?? null, isClient: row.origin === 'client' } : null,
  };
}

function collect(
  steps: readonly Step[],
  keys: readonly string[],
  node: unknown,
  leaves: Map<string, unknown>,
): void {
  const [step, ...below] = steps;
  if (step === undefined) {
    leaves.set(keys.join('/'), node);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const children = Object.entries(node).filter(
    ([key]) => !('literal' in step) || step.literal === key,
  );
  for (const [key, child] of children) collect(below, [...keys, key], child, leaves);
}

function refOf(path: MirroredPath, row: JsonObject): string {
  let part = 0;
  return stepsOfRef(path.ref)
    .map((step) => {
      if ('literal' in step) return step.literal;
      const column = path.keyColumns[part] ?? '';
      part += 1;
      return String(row[column]);
    })
    .join('/');
}
