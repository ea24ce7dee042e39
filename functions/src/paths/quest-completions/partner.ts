/** Whether a couple's id names the user: begins with the user's id, or ends with it. */
export function isOfCouple(coupleId: string, userId: string): boolean {
  return coupleId.startsWith(`${userId}_`) || coupleId.endsWith(`_${userId}`);
}

/**
 * The other user of a couple. A couple's id is both user ids, sorted and joined by `_`; user ids
 * may hold `_` themselves, so the id is never split: the user is cut from its front or its end.
 * Where both cuts are possible, the one that gives sorted ids is right.
 *
 * @returns the partner's id; null where the user isn't one of the couple, or its only one
 */
export function partnerOf(coupleId: string, userId: string): string | null {
  if (userId === '') return null;
  const fromFront = coupleId.startsWith(`${userId}_`) ? coupleId.slice(userId.length + 1) : '';
  const fromEnd = coupleId.endsWith(`_${userId}`) ? coupleId.slice(0, -userId.length - 1) : '';
  if (fromFront !== '' && fromEnd !== '') return userId <= fromFront ? fromFront : fromEnd;
  return fromFront || fromEnd || null;
}
