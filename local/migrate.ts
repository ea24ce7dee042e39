import { run } from '../functions/src/cli/main';

/**
 * `mirror migrate` on that database, with this checkout's migrations.
 *
 * @returns how many it applied
 * @throws Error with the verb's own line
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
  if (code !== 0) throw new Error(errors.trim());
  return (JSON.parse(out) as { applied: unknown[] }).applied.length;
}
