import { ConnectError } from '../../postgres/connect-error';
import { sqlstateOf } from '../../postgres/sqlstate';

/** A part of the page: what it shows, or why it can't be shown. One that fails leaves the others. */
export type Panel<T> = { ok: true; value: T } | { ok: false; reason: string; isAway: boolean };

const REASONS: ReadonlyMap<string, string> = new Map([
  ['57014', 'Postgres took longer than 2 s, so the question was taken back'],
  ['42P01', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['3F000', "the mirror's tables are not there: run `npm run mirror -- migrate`"],
  ['42703', "the mirror's tables are older than this page: run `npm run mirror -- migrate`"],
  ['42501', "this login may not read the mirror's tables: make it a member of quest_mirror_writer"],
]);

/** Whatever fails becomes the reason; the error itself goes to `onFailure`, not onto the page. */
export async function panelOf<T>(
  work: Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<Panel<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    onFailure(error);
    const sqlstate = sqlstateOf(error);
    const isAway = error instanceof ConnectError || sqlstate === null;
    if (isAway) return { ok: false, isAway, reason: 'Postgres does not answer' };
    const reason = REASONS.get(sqlstate) ?? `Postgres answered SQLSTATE ${sqlstate}`;
    return { ok: false, isAway, reason };
  }
}
