import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { MirroredPath } from '../../paths/mirrored-path';
import { FAN_OUT_LIMIT } from '../../readings/fan-out';
import { type RtdbAccess, RtdbReadError, readRtdb } from '../../rtdb/rtdb-client';
import { projectFolder } from '../folders';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped, warn } from './check';
import { type FanOut, largestFanOut } from './fan-out';
import {
  asksWho,
  type Grants,
  parseRulesJson,
  type RulesOnPath,
  rulesOnPath,
} from './rules-on-path';

/** Of this repository, or a team's of the same name. */
const RULES_FILES = ['database.rules.json', 'database.rules.without-auth.json'];

/** The least that shows whether the database answers; `shallow` would list every couple. */
export const ONE_COUPLE = {
  path: ['daily_quests'],
  query: { orderBy: '"$key"', limitToFirst: '1' },
};

const rulesSchema = z.object({
  rules: z.custom<object>((rules) => typeof rules === 'object' && rules !== null),
});

/** Open to the world, with a way to close it that leaves the app in. */
const LET_IN = 'let in who needs it, tree by tree, and try the app before you deploy that';
const YOURS = 'yours to judge: nothing else may be written there, so nothing else is mirrored';

/** What the deployed rules allow where mirrored paths are, no matter who wrote them. Pure. */
export function rulesCheck(
  deployed: unknown,
  files: readonly { name: string; rules: unknown }[],
  paths: readonly Pick<MirroredPath, 'name' | 'ref'>[],
): Diagnosis {
  const { data } = rulesSchema.safeParse(deployed);
  if (data === undefined) {
    return fail('what is deployed is no rules', "look at the Rules tab of the database's console");
  }
  const file = files.find(({ rules }) => isDeepStrictEqual(deployed, rules));
  const whose = file === undefined ? '' : `those of ${file.name}: `;
  const onPaths = paths.map(({ name, ref }) => ({ name, on: rulesOnPath(data.rules, ref) }));
  const [first] = onPaths;
  const root = first && (['read', 'write'] as const).filter((kind) => isAtRoot(first.on[kind]));
  if (root !== undefined && root.length > 0) {
    return warn(`${whose}everybody may ${root.join(' and ')} the whole database`, LET_IN);
  }
  const finding = `${whose}${told(onPaths)}`;
  const isOpen = onPaths.some(
    ({ on: { read, write } }) => read.everybodyAt !== null || write.everybodyAt !== null,
  );
  if (isOpen) return warn(finding, LET_IN);
  const isShut = onPaths.some(
    ({ on: { write } }) => write.conditions.length === 0 && !write.isInPart,
  );
  return isShut ? warn(finding, YOURS) : ok(finding);
}

const isAtRoot = ({ everybodyAt }: Grants) => everybodyAt === '/';

/** Paths of which the same is to be said are told together. */
function told(paths: readonly { name: string; on: RulesOnPath }[]): string {
  const groups = new Map<string, string[]>();
  for (const { name, on } of paths) {
    const validated = on.isValidated ? 'what is written is validated' : 'nothing is demanded of it';
    const words = `${grantsOf('read', on.read)}; ${grantsOf('write', on.write)}; ${validated}`;
    groups.set(words, [...(groups.get(words) ?? []), name]);
  }
  return [...groups].map(([words, names]) => `${names.join(', ')}: ${words}`).join('. ');
}

function grantsOf(kind: string, { everybodyAt, conditions, isInPart }: Grants): string {
  if (everybodyAt !== null) return `everybody may ${kind} them, by the rule at ${everybodyAt}`;
  if (conditions.length === 0) {
    return isInPart ? `clients may ${kind} parts of them` : `no client may ${kind} them`;
  }
  const places = conditions.map(({ at }) => at).join(', ');
  const isAnonymous = conditions.some(({ condition }) => !asksWho(condition));
  const whom = isAnonymous ? ', which asks for no sign-in' : '';
  return `clients may ${kind} them by a condition at ${places}${whom}`;
}

/** What becomes of a write beyond the limits of triggers. Pure. */
export function strictnessCheck(value: unknown): Diagnosis {
  if (value === true) {
    return ok(`on: a write of more than ${FAN_OUT_LIMIT} completions fails for its writer`);
  }
  return warn(
    'off: of a write beyond the limits of triggers events may be lost, without an error',
    'switch strictTriggerValidation on, or reconcile after every import',
  );
}

/** How near the data is to those limits. Pure. */
export function fanOutCheck({ ofDay, ofCouple, couplesRead, couples }: FanOut): Diagnosis {
  const finding =
    `at most ${ofDay} completions under a day, ${ofCouple} under a couple ` +
    `(${couplesRead} of ${couples} couples read)`;
  if (ofDay > FAN_OUT_LIMIT) {
    return fail(
      finding,
      `overwriting such a day exceeds ${FAN_OUT_LIMIT} events: split its writes`,
    );
  }
  if (ofCouple > FAN_OUT_LIMIT) {
    return warn(
      finding,
      `delete and import couples in chunks of up to ${FAN_OUT_LIMIT} completions`,
    );
  }
  return ok(finding);
}

const check = (
  name: string,
  judge: (options: RtdbAccess, doctor: Doctor) => Promise<Diagnosis>,
): Check => ({
  name,
  needs: 'rtdb',
  run: async (doctor) =>
    'problem' in doctor.rtdb ? skipped(doctor.rtdb.problem) : judge(doctor.rtdb, doctor),
});

/** The files of rules that are here; one that can't be read is nobody's. */
async function rulesFiles(): Promise<{ name: string; rules: unknown }[]> {
  const found = RULES_FILES.map(async (name) => {
    const text = await readFile(join(projectFolder(), name), 'utf8').catch(() => '');
    try {
      return [{ name, rules: parseRulesJson(text) }];
    } catch {
      return [];
    }
  });
  return (await Promise.all(found)).flat();
}

/** A setting's text, judged; skipped where the database has no such endpoint, as emulators do not. */
const setting = (
  name: string,
  key: string,
  judge: (text: string, doctor: Doctor) => Promise<Diagnosis>,
): Check =>
  check(name, async (options, doctor) => {
    try {
      const text = await readRtdb(options, { path: ['.settings', key], parse: String });
      return await judge(String(text), doctor);
    } catch (error) {
      if (error instanceof SyntaxError) {
        return warn("what the database answered can't be read", 'compare it by hand');
      }
      if (!(error instanceof RtdbReadError)) throw error;
      return skipped(`/.settings/${key}.json could not be read: ${error.message}`);
    }
  });

export const RTDB_CHECKS: readonly Check[] = [
  check('rtdb', async (options) => {
    await readRtdb(options, ONE_COUPLE);
    return ok(`${options.database.instance} answers`);
  }),
  setting('rules', 'rules', async (deployed, { declared }) =>
    rulesCheck(parseRulesJson(deployed), await rulesFiles(), declared().paths),
  ),
  setting('strict trigger validation', 'strictTriggerValidation', async (text) =>
    strictnessCheck(JSON.parse(text)),
  ),
  check('largest fan-out', async (options, { sample }) =>
    fanOutCheck(await largestFanOut(options, sample)),
  ),
];
