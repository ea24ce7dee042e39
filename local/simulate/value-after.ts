import type { Json, JsonObject } from '../../functions/src/values/json';

/** An event's value after the write: `delta` laid over the value before; null removes. */
export function valueAfter(before: Json, delta: Json): Json {
  if (!isObject(before) || !isObject(delta)) return delta;
  const after: JsonObject = { ...before };
  for (const [key, change] of Object.entries(delta)) {
    const value = valueAfter(after[key] ?? null, change);
    if (value === null) delete after[key];
    else after[key] = value;
  }
  return after;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
