import { type Command, Option } from 'commander';
import { postgresConfig } from '../../deploy/settings';
import { type Erased, erase, IDS_OF_PERSON, type RunAlone } from '../../erase/erase';
import { rtdbHolds } from '../../erase/rtdb-holds';
import { UsageError } from '../../errors/mirror-error';
import { CANARY_IDS } from '../../paths/quest-completions/canary-couple';
import { inTransaction } from '../../postgres/transaction';
import { rtdbShards } from '../../readings/rtdb-shards';
import { isStorable } from '../../values/storable';
import type { ExitWith, VerbContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { jsonLine, printable } from '../printable';
import { withStores } from '../with-stores';

interface EraseOptions {
  databaseUrlEnv: string;
  user: string;
  rtdbKeepsIt?: true;
  forGood?: true;
  dryRun?: true;
  write?: true;
  json?: true;
}

/** Refs shown; all are counted. */
const SHOWN = 20;

/** `mirror erase`: removes a person from Postgres (docs/runbook.md, "Somebody asks to be forgotten"). */
export function registerErase(program: Command, context: VerbContext, exitWith: ExitWith): void {
  const command = program
    .command('erase')
    .description('remove a person from the copy and the books (a dry run without --write)')
    .requiredOption('--user <id>', "the user's id, as RTDB or as the app has it")
    .option('--rtdb-keeps-it', "don't ask whether RTDB still holds the person")
    .option('--for-good', 'drop what comes for the id forever, not for 30 days')
    .addOption(new Option('--dry-run', 'count, remove nothing (the default)'))
    .addOption(new Option('--write', 'remove').conflicts('dryRun'))
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((options: EraseOptions) =>
    runErase(options, context, exitWith),
  );
}

async function runErase(
  options: EraseOptions,
  context: VerbContext,
  exitWith: ExitWith,
): Promise<void> {
  const { user, databaseUrlEnv, json } = options;
  const { env, writeOut, writeError } = context;
  if (user === '' || !isStorable(user)) throw new UsageError('--user: expected an id');
  if (CANARY_IDS.includes(user)) {
    throw new UsageError('--user: this id is reserved for the canary');
  }
  const write = options.write ?? false;
  const config = postgresConfig(env, databaseUrlEnv);
  const alone: RunAlone = (work) => inTransaction(config, work);
  const { ids, others, appUserId } = await alone((statements) =>
    IDS_OF_PERSON.one(statements, { id: user }),
  );
  if (others > 0) {
    writeError(
      `RTDB knows this person by ${others} more ids: --user ${printable(appUserId ?? '')} means all of them.\n`,
    );
  }
  const held = options.rtdbKeepsIt ? [] : await heldInRtdb(ids, options, context);
  if (held.length > 0) {
    if (json) writeOut(jsonLine({ written: false, held }));
    else writeOut(stillHeld(held));
    exitWith(1);
    return;
  }
  const erased = await erase(ids, { write, forGood: options.forGood ?? false }, alone);
  writeOut(
    json ? jsonLine({ written: write, ids: ids.length, ...erased }) : sentence(erased, write),
  );
}

function heldInRtdb(
  ids: readonly string[],
  { databaseUrlEnv }: EraseOptions,
  context: VerbContext,
): Promise<string[]> {
  return withStores(
    context,
    { databaseUrlEnv },
    (statements, access) =>
      rtdbHolds(ids, context.declared().paths, { statements, rtdb: rtdbShards(access) }),
    'leave',
  );
}

function stillHeld(held: readonly string[]): string {
  const shown = held.slice(0, SHOWN).map((ref) => `  ${printable(ref)}\n`);
  const more = held.length > SHOWN ? `  and ${held.length - SHOWN} more\n` : '';
  return (
    `Nothing was removed: RTDB still holds the person at ${held.length} places.\n` +
    `${shown.join('')}${more}` +
    'Remove them there first; --rtdb-keeps-it removes the person from Postgres alone.\n'
  );
}

function sentence({ paths, books }: Erased, write: boolean): string {
  const lines = Object.entries(paths)
    .filter(([, { keyed, mentioning }]) => keyed + mentioning > 0)
    .map(([path, { shards, keyed, own, mentioning }]) => {
      const named = own > 0 ? `, ${own} of them by a key of the user's own` : '';
      const others = mentioning > 0 ? `; ${mentioning} rows of others that name the user` : '';
      return `  rtdb.${path}: ${keyed} rows of ${shards} shards${named}${others}\n`;
    });
  const entries = Object.entries(books)
    .filter(([, count]) => count > 0)
    .map(([book, count]) => `  mirror.${book}: ${count}\n`);
  const found = [...lines, ...entries].join('') || '  nothing\n';
  return write
    ? `Removed:\n${found}`
    : `A dry run. This would be removed, a partner's rows of the same couple among it:\n${found}--write removes it.\n`;
}
