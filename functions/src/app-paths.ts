import { questCompletions } from './quests/quest-completions';

/** What the app's engineers mirror: a declaration, a migration and a line here for each path. */
export const PATHS = [questCompletions] as const;

/** Trees that hold tokens and codes, and what is only for developers. */
export const NEVER_MIRROR = ['pairing_codes', 'dev_emulators', 'daily_pulses'] as const;
