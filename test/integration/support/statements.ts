import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QUERIES } from '../../../functions/src/postgres/statements';

const SOURCE = join(__dirname, '..', '..', '..', 'functions', 'src');

/** Every query of the code: once a file is loaded, its queries are made. */
export function queries(): typeof QUERIES {
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.ts')) require(join(SOURCE, file));
  }
  return QUERIES;
}
