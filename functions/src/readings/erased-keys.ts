import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';
import type { ComparedKey } from './compare-key';
import type { Looked } from './reading';

/** Which keys hold an id that was erased, by their places: migrations/20261128000016_erase.sql. */
const ERASED_KEYS = query({
  text: 'select mirror.erased_keys($1, $2) as erased',
  params: { shard: 'text', keys: 'jsonb' },
  row: { erased: z.array(z.number()) },
});

/** Whether one key holds an id that was erased. Rejects as `statements` do. */
export async function isKeyErased(
  parts: readonly string[],
  statements: Statements,
): Promise<boolean> {
  const asked = { shard: parts[0] ?? '', keys: [[...parts]] };
  const { erased } = await ERASED_KEYS.one(statements, asked);
  return erased.length > 0;
}

/**
 * The keys without those of somebody who was erased: RTDB may still hold them, and nobody wants to know. Only what
 * Postgres lacks can be one, so that mostly nothing is asked. Rejects as `statements` do.
 */
export async function keysNotErased(
  shard: string,
  keys: readonly ComparedKey[],
  statements: Statements,
): Promise<ComparedKey[]> {
  const lacking = keys.filter(({ state }) => state === 'missing_in_postgres');
  if (lacking.length === 0) return [...keys];
  const asked = lacking.map(({ parts }) => [...parts]);
  const { erased } = await ERASED_KEYS.one(statements, { shard, keys: asked });
  const left = new Set(erased.map((place) => lacking[place]));
  return keys.filter((key) => !left.has(key));
}

/** A look without them; of a shard that holds such an id, nothing is left. */
export async function withoutErased(looked: Looked, statements: Statements): Promise<Looked> {
  const { shard, odd, state } = looked;
  if (!state.pathBooks.has_erased) return looked;
  const compared = await keysNotErased(shard, looked.compared, statements);
  const isLacking = compared.length < looked.compared.length;
  if (!isLacking && odd.length === 0) return { ...looked, compared };
  const { erased } = await ERASED_KEYS.one(statements, { shard, keys: [[shard]] });
  return erased.length === 0
    ? { ...looked, compared }
    : { ...looked, compared, odd: [], hasNode: false };
}
