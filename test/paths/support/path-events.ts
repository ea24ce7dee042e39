import { PATHS } from '../../../functions/src/app-paths';
import type { DeliveredEvent } from '../../../functions/src/mirror/delivered-event';
import type { MirroredPath } from '../../../functions/src/paths/mirrored-path';
import { APP_PATHS, appFixture } from '../../app/support/app-fixtures';
import { expectedRows } from '../../app/support/expected-rows';
import type { JsonValue } from '../../support/cloud-event';
import { writeOf } from '../../support/mirror';

const FIXTURE = appFixture();

/** The declared paths of which the app's fixtures tell what a value looks like. */
export const PATHS_OF_APP: readonly MirroredPath[] = PATHS.filter(({ name }) =>
  APP_PATHS.some((path) => path.name === name),
);

/** A ref of the path: `key` for each of its parts, but a date and the first of a couple where they belong. */
export function refOf({ ref }: MirroredPath, key = 'alice_bob', day = '2025-11-19'): string {
  const special = new Map([
    ['dateKey', day],
    ['userId', key.split('_')[0] ?? ''],
  ]);
  return ref.replace(/\{(\w+)\}/g, (_, part: string) => special.get(part) ?? key);
}

/** A value as the app has it there. */
export function appValueOf({ ref, name }: MirroredPath): JsonValue {
  const [row] = expectedRows(FIXTURE.after, ref);
  if (row === undefined) throw new Error(`the fixtures have nothing of ${name}`);
  return row.value;
}

/** A write of a value at noon of 2025-11-19. */
export function writeAt(
  ref: string,
  after: unknown,
  change: Partial<DeliveredEvent> & { id?: string } = {},
) {
  return writeOf({ id: `event of ${ref}`.slice(0, 100), ref, after, ...change });
}
