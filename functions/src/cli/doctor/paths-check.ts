import { z } from 'zod';
import { declarationHash } from '../../paths/define-path';
import type { MirroredPath } from '../../paths/mirrored-path';
import { query, type RowOf } from '../../postgres/statements';
import { type Check, type Diagnosis, fail, ok } from './check';

/** What the migrations have declared, and not removed. */
const MIGRATED_PATHS = query({
  text: `
select path, declaration_hash as hash, to_regclass(relation) is not null as has_table
from mirror.paths
where removed_at is null
order by path
`,
  params: {},
  row: { path: z.string(), hash: z.string(), hasTable: z.boolean() },
});

const WRITE_AND_MIGRATE =
  "run `npm run mirror -- new-path` with the path's ref, then `npm run mirror -- migrate`";

/** Whether the migrations have made of each path what it is declared as. Pure. */
export function pathsCheck(
  declared: readonly MirroredPath[],
  migrated: readonly RowOf<typeof MIGRATED_PATHS>[],
): Diagnosis {
  const known = new Map(migrated.map((one) => [one.path, one]));
  const complaints = declared.flatMap((path) => {
    const found = known.get(path.name);
    if (found === undefined) return [`${path.name} is declared, but not migrated`];
    if (!found.hasTable) return [`${path.name} has lost its table`];
    if (found.hash === declarationHash(path)) return [];
    return [`the declaration of ${path.name} has changed since it was migrated`];
  });
  if (complaints.length > 0) return fail(complaints.join('; '), WRITE_AND_MIGRATE);
  const names = new Set(declared.map(({ name }) => name));
  const orphans = migrated.filter(({ path }) => !names.has(path)).map(({ path }) => path);
  // The package's own migrations bring paths that a team may not have in its list.
  const more = orphans.length === 0 ? '' : `; Postgres also has ${orphans.join(', ')}`;
  return ok(`all ${declared.length} are migrated as they are declared${more}`);
}

export const PATHS_CHECK: Check = {
  name: 'paths',
  needs: 'postgres',
  run: async ({ statements, declared }) => {
    const migrated = await MIGRATED_PATHS.all(statements);
    return pathsCheck(declared().paths, migrated);
  },
};
