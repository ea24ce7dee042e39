/**
 * The other user of a couple. A couple's id is both user ids, sorted and joined by `_`; user ids
 * may hold `_` themselves, so the id is never split: the user is cut from its front or its end.
 * Where both cuts are possible, the one that gives sorted ids is right.
 *
 * @returns the partner's id, or null where the user is not one of the couple
 */
export function partnerOf(coupleId: string, userId: string): string | null {
  if (userId === '') return null;
  const fromFront = coupleId.startsWith(`${userId}_`) ? coupleId.slice(userId.length + 1) : '';
  const fromEnd = coupleId.endsWith(`_${userId}`) ? coupleId.slice(0, -userId.length - 1) : '';
  if (fromFront !== '' && fromEnd !== '') return userId <= fromFront ? fromFront : fromEnd;
  return fromFront || fromEnd || null;
}
