import { run } from '../functions/src/cli/main';
import { UsageError } from '../functions/src/errors/mirror-error';

/**
 * `mirror migrate` on that database, with this checkout's migrations.
 *
 * @returns how many it applied
 * @throws UsageError where the verb exits 2, else Error, with the verb's own line
 */
export async function migrate(databaseUrl: string): Promise<number> {
  let out = '';
  let errors = '';
  const code = await run(['migrate', '--json'], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      errors += text;
    },
  });
  const line = errors.trim().replace(/^mirror: /, '');
  if (code !== 0) throw code === 2 ? new UsageError(line) : new Error(line);
  return (JSON.parse(out) as { applied: unknown[] }).applied.length;
}
