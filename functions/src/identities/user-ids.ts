import { z } from 'zod';
import { query, type Statements } from '../postgres/statements';

const USER_IDS = query({
  text: 'select mirror.ids_of($1) as ids',
  params: { subject: 'text' },
  row: { ids: z.array(z.string()) },
});

/** The ids that RTDB may know a token's subject by: the subject itself, then those of `mirror.identities`. */
export async function userIdsOf(
  subject: string,
  statements: Statements,
  signal?: AbortSignal,
): Promise<string[]> {
  const { ids } = await USER_IDS.one(statements, { subject }, signal);
  return [...new Set(ids)];
}
