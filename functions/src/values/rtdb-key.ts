/** RTDB's limit for one key. Source: Firebase documentation, "Realtime Database Limits". */
export const MAX_KEY_BYTES = 768;

/** What RTDB refuses in a key. Source: Firebase documentation, "Structure your database". */
// biome-ignore lint/suspicious/noControlCharactersInRegex: RTDB names them
export const REFUSED_IN_KEY = /[.$#[\]/\u0000-\u001f\u007f]/;
