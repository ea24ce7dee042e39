import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QUERIES } from '../../../functions/src/postgres/statements';

const SOURCE = join(__dirname, '..', '..', '..', 'functions', 'src');
/** The one folder whose statements are still bare text. */
const COMPLETIONS_ONLY = join(SOURCE, 'completions-only', 'postgres');

/** Every query of the code: once a file is loaded, its queries are made. */
export function queries(): typeof QUERIES {
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.ts')) require(join(SOURCE, file));
  }
  return QUERIES;
}

/** Every constant of completions-only/ that is a statement, by its name. */
export function statements(): [string, string][] {
  return readdirSync(COMPLETIONS_ONLY).flatMap((file) =>
    Object.entries(require(join(COMPLETIONS_ONLY, file)) as Record<string, unknown>).filter(
      (entry): entry is [string, string] =>
        typeof entry[1] === 'string' && /\b(select|insert|update|delete)\b/.test(entry[1]),
    ),
  );
}
