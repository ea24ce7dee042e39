/**
 * Orders text by its UTF-8 bytes, as Postgres does under `collate "C"`. JavaScript's `<` compares
 * UTF-16 units, where a surrogate pair (U+10000 and above) sorts before U+E000 to U+FFFF.
 *
 * Source: PostgreSQL manual, 23.2.2 "Managing Collations"; RFC 3629, section 1 (UTF-8 keeps the
 * order of code points).
 *
 * @returns less than, equal to or greater than 0
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const unitOfA = a.charCodeAt(index);
    const unitOfB = b.charCodeAt(index);
    if (unitOfA !== unitOfB) return codePointRank(unitOfA) - codePointRank(unitOfB);
  }
  return a.length - b.length;
}

/** Lifts surrogates over the units that stand for themselves above them. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
