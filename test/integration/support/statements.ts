import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(__dirname, '..', '..', '..', 'functions', 'src');
const FOLDERS = [join(SOURCE, 'postgres'), join(SOURCE, 'completions-only', 'postgres')];

/** Every constant of the folders with statements that is one, by its name. */
export function statements(): [string, string][] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder).flatMap((file) =>
      Object.entries(require(join(folder, file)) as Record<string, unknown>).filter(
        (entry): entry is [string, string] =>
          typeof entry[1] === 'string' && /\b(select|insert|update|delete)\b/.test(entry[1]),
      ),
    ),
  );
}
