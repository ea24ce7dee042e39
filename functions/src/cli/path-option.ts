import type { Command } from 'commander';
import { PATHS } from '../app-paths';
import { UsageError } from '../errors/usage-error';
import type { MirroredPath } from '../paths/mirrored-path';

/** `--path`, of every verb that works on paths. */
export function withPathOption(command: Command): Command {
  return command.option('--path <name...>', 'only these paths (default: all that are declared)');
}

/**
 * The paths that were named; all where none was.
 *
 * @throws UsageError with the names that there are
 */
export function pathsNamed(
  names: readonly string[] | undefined,
  declared: readonly MirroredPath[] = PATHS,
): MirroredPath[] {
  const known = declared.map(({ name }) => name);
  const unknown = (names ?? []).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--path: expected one of ${known.join(', ')}, not ${unknown}`);
  }
  return declared.filter(({ name }) => names === undefined || names.includes(name));
}
