import type { Migration } from './declared-so-far';

/**
 * A migration's file: named by the time, or by a second after the newest where that lies ahead. Pure.
 */
export function nextMigrationFile(
  folder: string,
  name: string,
  migrations: readonly Migration[],
  now: Date,
): string {
  const newest = migrations.map((migration) => migration.name.slice(0, 14)).toSorted();
  const present = stampOf(now);
  const last = newest.at(-1);
  const stamp = last === undefined || present > last ? present : secondAfter(last);
  return `${folder}/${stamp}_${name}.sql`;
}

function stampOf(instant: Date): string {
  return instant.toISOString().slice(0, 19).replace(/\D/g, '');
}

/** A second later; a stamp that isn't a time of the calendar counts as a number, and gets the next one. */
function secondAfter(stamp: string): string {
  const [, date = '', hour, minute, second] = /^(\d{8})(\d\d)(\d\d)(\d\d)$/.exec(stamp) ?? [];
  const day = date.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
  const ms = Date.parse(`${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(ms) || stampOf(new Date(ms)) !== stamp) return String(Number(stamp) + 1);
  return stampOf(new Date(ms + 1000));
}
