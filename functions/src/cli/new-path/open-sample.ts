import { readFileSync, statSync } from 'node:fs';
import { read, rtdbConfig } from '../../deploy/settings';
import { ConfigurationError } from '../../errors/mirror-error';
import { rtdbSource } from '../../new-path/rtdb-source';
import { exportedTree, type TreeSource } from '../../new-path/sample-tree';
import type { CommandContext } from '../context';

/** Where a sample comes from; null = there is none. */
export interface OpenSample {
  source: TreeSource | null;
  /** For the output: `RTDB my-project-default-rtdb`. */
  from: string;
}

const MOST_MEGABYTES = 256;

/**
 * The tree to look into: a file, or the RTDB that the environment names.
 *
 * @param sample a file; false = none is wanted; undefined = RTDB, where the environment names one
 * @throws ConfigurationError where the file can't be read; ConfigurationError as `rtdbConfig` does
 */
export function openSample(
  sample: string | false | undefined,
  env: CommandContext['env'],
): OpenSample {
  if (sample === false) return { source: null, from: 'no sample, as --no-sample asks' };
  if (typeof sample === 'string') {
    return { source: exportedTree(readExport(sample)), from: `the export ${sample}` };
  }
  const isNamed =
    read(env, 'FIREBASE_DATABASE_EMULATOR_HOST') !== undefined ||
    read(env, 'RTDB_URL') !== undefined ||
    read(env, 'RTDB_INSTANCE') !== undefined;
  if (!isNamed) {
    const from =
      'no sample: neither FIREBASE_DATABASE_EMULATOR_HOST, RTDB_URL nor RTDB_INSTANCE is set';
    return { source: null, from };
  }
  const options = rtdbConfig(env);
  return { source: rtdbSource(options), from: `RTDB ${options.database.instance}` };
}

function readExport(file: string): unknown {
  try {
    if (statSync(file).size > MOST_MEGABYTES * 1e6) {
      throw new Error(`the file has more than ${MOST_MEGABYTES} MB; a part of the tree will do`);
    }
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`--sample: expected an export of RTDB as JSON: ${reason}`);
  }
}
