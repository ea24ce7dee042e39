import type { Random } from './seeded-random';

/** Two people who share their quests. */
export interface Couple {
  index: number;
  id: string;
  users: readonly [string, string];
  /** The first user's app is an old one, which writes every completion a second time. */
  hasOldPhone: boolean;
  /** How far their clocks are ahead of UTC, in minutes. */
  offsetMinutes: number;
}

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const TOKEN = `${ALPHANUMERIC}-_`;
const UID_LENGTH = 28;
/** One couple in so many has a user who is known by a push token. */
const PUSH_TOKEN_EVERY = 20;
const OLD_PHONE_EVERY = 3;
/** Midnights east and west of Greenwich, half an hour's among them. */
const OFFSET_MINUTES = [0, -8 * 60, 9 * 60, 60, -5 * 60, 13 * 60, -11 * 60, 5 * 60 + 30];

/** The couple of that number; ids as Firebase makes them. */
export function coupleOf(index: number, random: Random): Couple {
  const uid = () => text(random, ALPHANUMERIC, UID_LENGTH);
  const hasToken = index % PUSH_TOKEN_EVERY === PUSH_TOKEN_EVERY - 1;
  const partner = hasToken ? `${text(random, TOKEN, 22)}:APA91b${text(random, TOKEN, 134)}` : uid();
  const [first, second] = [uid(), partner].sort() as [string, string];
  return {
    index,
    id: `${first}_${second}`,
    users: [first, second],
    hasOldPhone: index % OLD_PHONE_EVERY === 0,
    offsetMinutes: OFFSET_MINUTES[index % OFFSET_MINUTES.length] ?? 0,
  };
}

function text(random: Random, letters: string, length: number): string {
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
}
