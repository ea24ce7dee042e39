import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { emptyDatabase, queryOnce } from '../integration/support/empty-database';
import { runCommand } from '../support/command';
import { cloneDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { node22 } from '../support/runtime';

const ROOT = join(__dirname, '..', '..');

test('a day on an empty database that is named, for machines; no password in it', async () => {
  const database = await emptyDatabase();
  try {
    const { code, out, errors } = await runCommand(
      [
        ...['simulate', '--couples', '5', '--day-seconds', '1', '--json'],
        ...['--faults', 'duplicate', '--rate', '50', '--database-url-env', 'SCRATCH'],
      ],
      { SCRATCH: database.url },
    );
    expect(errors).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ couples: 5, seed: 42, faults: ['duplicate'], failures: [] },
      judgement: { differing: 0 },
    });
    expect(out).not.toContain(new URL(database.url).password);
    expect(await queryOnce(database.url, 'select from rtdb.quest_completions')).not.toEqual([]);
  } finally {
    await database.drop();
  }
}, 120_000);

test('a database that holds anything is refused, and stays as it is', async () => {
  const database = await cloneDatabase();
  try {
    const { code, errors } = await runCommand(['simulate', '--database-url-env', 'SCRATCH'], {
      SCRATCH: database.url,
    });
    expect(code).toBe(2);
    expect(errors).toBe('mirror: SCRATCH names a database that is not empty\n');
    expect(await database.query('select from rtdb.quest_completions')).toEqual([]);
  } finally {
    await database.drop();
  }
});

test.each([
  ['a fault that is none', ['--faults', 'drop,gremlins'], 'gremlins'],
  ['each fault alone, and some', ['--each-fault', '--faults', 'drop'], '--each-fault'],
  ['a part of no sweep', ['--part', '1/9'], '--part'],
  ['a part beyond all', ['--all-pairs', '--part', '10/9'], '--part'],
  ['an outage of someone else', ['--faults', 'outage', '--database-url-env', 'X'], 'outage'],
  ['no couples', ['--couples', '0'], '--couples'],
  ['a rate beyond all', ['--rate', '101'], '--rate'],
  ['a database out of reach', ['--database-url-env', 'AWAY'], 'Cannot connect to Postgres'],
])('%s ends with 2 and one line', async (_case, args, part) => {
  const { code, errors } = await runCommand(['simulate', ...args], {
    AWAY: 'postgres://somebody:secret@127.0.0.1:9/scratch',
  });
  expect(code).toBe(2);
  expect(errors).toContain(part);
  expect(errors.trim().split('\n')).toHaveLength(1);
  expect(errors).not.toContain('secret');
});

test('what is kept can be asked, and an interrupt leaves nothing', async () => {
  const args = ['simulate', '--couples', '5', '--day-seconds', '1', '--keep'];
  const loader = ['--import', 'tsx'];
  const child = spawn(node22(), [...loader, join(ROOT, 'local/mirror.ts'), ...args], { cwd: ROOT });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += String(chunk);
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  try {
    await eventually(() => told.includes('Ctrl-C'), { timeoutMs: 90_000 });
    const [, url = ''] = /DATABASE_URL=(\S+)/.exec(told) ?? [];
    expect(await queryOnce(url, 'select from rtdb.quest_completions')).not.toEqual([]);
    child.kill('SIGINT');
    expect(await exited).toBe(130);
    await expect(queryOnce(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
  } finally {
    child.kill('SIGKILL');
  }
}, 120_000);
