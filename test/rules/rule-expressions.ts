import { DATE_PATTERN, TIME_PATTERN } from '../../functions/src/values/event-time';

/**
 * What database.rules.json and database.rules.without-auth.json repeat: rules have no names for an expression.
 * The files are written by hand and deployed as they are; a test of each holds each copy to these.
 */

/** `$coupleId` is two ids joined by `_`, one of which may be empty and then comes first. */
export const IS_MEMBER =
  "auth != null && ($coupleId === '_' + auth.uid || ($coupleId.length > auth.uid.length + 1 && " +
  "($coupleId.beginsWith(auth.uid + '_') || $coupleId.endsWith('_' + auth.uid))))";

/** A completion's leaf is its user's alone. */
export const MAY_WRITE_OWN = IS_MEMBER.replace('null', 'null && $userId === auth.uid');

/** Text that Postgres can hold: without U+0000 and lone surrogates. */
const STORABLE = '/^([^\u0000\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])*$/';

const storableText = (maxLength: number) =>
  `newData.isString() && newData.val().length <= ${maxLength} && newData.val().matches(${STORABLE})`;

/** The fields that the app writes; names are listed since rules can't count. */
export const IS_QUEST_FIELD =
  '$field.matches(/^(id|questType|contentId|sortOrder|isSideQuest|formatType|quizName)$/) && ' +
  `(newData.isBoolean() || newData.isNumber() || (${storableText(500)}))`;

const FIELD = `(newData.isBoolean() || newData.isNumber() || (${storableText(1_000)}))`;
const TIME = `(newData.isNumber() || (newData.isString() && newData.val().matches(/${TIME_PATTERN}/)))`;

const own = (demanded: string) =>
  `!newData.hasChildren() && (newData.val() === data.val() || ($userId === auth.uid && ${demanded}))`;

/** A field of a completion beside `completedAt`. */
export const IS_OWN_FIELD = own(FIELD);

export const IS_OWN_TIME = own(TIME);

/** The same, where nobody is signed in. */
export const IS_FIELD = `!newData.hasChildren() && ${FIELD}`;

export const IS_TIME = `!newData.hasChildren() && ${TIME}`;

/** Rules can't compute a year from `now`: each year opens on the first day of the one before. */
const LATER_YEARS = [
  ...Array.from({ length: 13 }, (_, n) => ({ opens: 2027 + n, prefix: String(2028 + n) })),
  // The list ends. Better any year than none.
  { opens: 2040, prefix: '2' },
];

export const IS_SANE_DAY =
  `newData.hasChildren() && $dateKey.matches(/${DATE_PATTERN}/) && (` +
  [
    '$dateKey.matches(/^20([01][0-9]|2[0-7])/)',
    ...LATER_YEARS.map(
      ({ opens, prefix }) => `(now >= ${Date.UTC(opens, 0)} && $dateKey.beginsWith('${prefix}'))`,
    ),
  ].join(' || ') +
  ')';

/**
 * A member may write a day. Once it holds completions, which such a write may erase, it has to leave
 * a stamp later than the old one: by that the mirror tells who regenerates a day from who deletes.
 */
const LEAVES_A_STAMP =
  "!data.child('completions').exists() || (newData.hasChildren() && " +
  "newData.child('generatedAt').isNumber() && newData.child('generatedAt').val() <= now + 60000 && " +
  "(!data.child('generatedAt').isNumber() || " +
  "newData.child('generatedAt').val() > data.child('generatedAt').val()))";

export const MAY_WRITE_DAY = `${IS_MEMBER} && (${LEAVES_A_STAMP})`;

/** Where nobody is signed in; a day that was generated over a week ago may also go. */
export const MAY_REWRITE_DAY =
  `${LEAVES_A_STAMP} || (!newData.exists() && data.child('generatedAt').isNumber() && ` +
  "data.child('generatedAt').val() < now - 604800000)";

/** Whose completion it says it is: one of the couple's two. */
export const IS_OF_COUPLE = IS_MEMBER.replace('auth != null && ', '')
  .replaceAll('auth.uid', '$userId')
  .replace(/^\((.*)\)$/, '$1');
