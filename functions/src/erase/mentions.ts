/** Whether a key holds one of the ids: it is one, begins with it before `_`, or ends with it after `_`. Pure. */
export function holdsId(key: string, ids: readonly string[]): boolean {
  return ids.some((id) => key === id || key.startsWith(`${id}_`) || key.endsWith(`_${id}`));
}

/** Whether a value of RTDB names one of the ids in a key, a text, or a ref that is a text. Pure. */
export function mentionsId(value: unknown, ids: readonly string[]): boolean {
  if (typeof value === 'string') return value.split('/').some((part) => holdsId(part, ids));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, child]) => holdsId(key, ids) || mentionsId(child, ids));
}
