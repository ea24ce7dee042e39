/**
 * What a divergence can be, and why: the kinds and causes of `mirror.divergence_log`. Types, filters and
 * the report's explained causes follow from these tables; a test holds the checks of the migrations and
 * the tables of docs/tables.md to them.
 */

/** `info` heals by itself or is meant to be; at an `error` someone must look. */
export const SEVERITIES = ['error', 'warning', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

interface CauseEntry {
  /** Where the kind has none of its own. */
  severity: Severity;
  /** It lies outside of the mirror, which did what it should have done, or was told not to. */
  isExplained: boolean;
  /** Whether a person has something to do: repair, backfill, or fix the writer. */
  needsPerson: boolean;
  meaning: string;
}

const CAUSE_TABLE = {
  in_flight: {
    severity: 'info',
    isExplained: true,
    needsPerson: false,
    meaning: 'The event is late, and may still arrive.',
  },
  rejected: {
    severity: 'error',
    isExplained: true,
    needsPerson: true,
    meaning: 'The mirror refuses what was written, or Postgres refuses its row.',
  },
  direct_postgres_write: {
    severity: 'error',
    isExplained: true,
    needsPerson: true,
    meaning: 'Someone wrote to the table past the mirror.',
  },
  client_without_rtdb: {
    severity: 'warning',
    isExplained: true,
    needsPerson: false,
    meaning: 'An old app claimed it over the API and never wrote it to RTDB.',
  },
  retention: {
    severity: 'info',
    isExplained: true,
    needsPerson: false,
    meaning: 'The app removes old days from RTDB; the rows stay on purpose.',
  },
  race: {
    severity: 'warning',
    isExplained: false,
    needsPerson: true,
    meaning: 'Events came in another order than their writes, or at one instant.',
  },
  ancestor_overwrite: {
    severity: 'warning',
    isExplained: false,
    needsPerson: true,
    meaning: 'A write of the whole day erased it.',
  },
  flag_disabled: {
    severity: 'warning',
    isExplained: true,
    needsPerson: true,
    meaning: 'Mirroring was off, or on for some shards only, when it was written.',
  },
  before_mirroring: {
    severity: 'info',
    isExplained: true,
    needsPerson: true,
    meaning: 'It was written before mirroring began.',
  },
  fan_out_limit: {
    severity: 'error',
    isExplained: false,
    needsPerson: true,
    meaning: 'One write changed more leaves than the platform sends events for.',
  },
  retries_exhausted: {
    severity: 'error',
    isExplained: false,
    needsPerson: true,
    meaning: "The event did not arrive, and the platform's retries are over.",
  },
  other_database: {
    severity: 'error',
    isExplained: true,
    needsPerson: true,
    meaning: 'The event is of another RTDB than this database mirrors.',
  },
  restored: {
    severity: 'warning',
    isExplained: true,
    needsPerson: true,
    meaning: 'One of the stores was restored from a backup.',
  },
  unknown: {
    severity: 'error',
    isExplained: false,
    needsPerson: true,
    meaning: 'Nothing explains it so far.',
  },
} as const satisfies Readonly<Record<string, CauseEntry>>;

export type Cause = keyof typeof CAUSE_TABLE;

export const CAUSES: Readonly<Record<Cause, CauseEntry>> = CAUSE_TABLE;

/** All of them, as the tables list them. */
export const CAUSE_NAMES = Object.keys(CAUSE_TABLE) as Cause[];

interface KindEntry {
  /** What can have led to it. */
  causes: readonly Cause[];
  /** Null = the cause's. */
  severity: Severity | null;
  meaning: string;
}

/** Why the stores can differ at one key. */
const OF_DIFFERENCES = [
  'in_flight',
  'rejected',
  'direct_postgres_write',
  'race',
  'flag_disabled',
  'fan_out_limit',
  'retries_exhausted',
  'restored',
  'unknown',
] as const satisfies readonly Cause[];

const KIND_TABLE = {
  missing_in_postgres: {
    causes: [...OF_DIFFERENCES, 'before_mirroring'],
    severity: null,
    meaning: 'RTDB holds a value, and Postgres has no live row.',
  },
  missing_in_rtdb: {
    causes: [...OF_DIFFERENCES, 'retention', 'ancestor_overwrite'],
    severity: null,
    meaning: 'Postgres has a live row, and RTDB holds nothing.',
  },
  value_mismatch: {
    causes: OF_DIFFERENCES,
    severity: null,
    meaning: 'Both hold a value, and the values differ.',
  },
  column_mismatch: {
    causes: OF_DIFFERENCES,
    severity: null,
    meaning: 'The payloads agree, and a column does not follow from its payload.',
  },
  invalid_payload: {
    causes: ['rejected'],
    severity: null,
    meaning: 'An event, a path or a value that the mirror refuses.',
  },
  write_rejected: {
    causes: ['rejected', 'other_database'],
    severity: null,
    meaning: 'A row that was not written: Postgres refuses it, or it is of another RTDB.',
  },
  out_of_order: {
    causes: ['race'],
    severity: 'info',
    meaning: 'An event came after a newer one; the row stays, and is right.',
  },
  missed_event: {
    causes: [
      'unknown',
      'before_mirroring',
      'race',
      'direct_postgres_write',
      'flag_disabled',
      'retries_exhausted',
    ],
    severity: 'warning',
    meaning: "An event's value before its write isn't what the row showed: one is missing.",
  },
  client_only: {
    causes: ['client_without_rtdb'],
    severity: null,
    meaning: "A row that only an old app's claim brought.",
  },
  ancestor_overwrite: {
    causes: ['ancestor_overwrite'],
    severity: null,
    meaning: 'A write above a leaf erased it.',
  },
  foreign_user: {
    causes: ['unknown'],
    severity: 'info',
    meaning: 'A leaf of a user who is not of its couple; it is mirrored all the same.',
  },
  value_drift: {
    causes: ['unknown'],
    severity: 'warning',
    meaning: "A column shows null because its type can't hold what RTDB has.",
  },
} as const satisfies Readonly<Record<string, KindEntry>>;

export type Kind = keyof typeof KIND_TABLE;
/** What can have led to a kind. */
export type CauseOf<Some extends Kind> = (typeof KIND_TABLE)[Some]['causes'][number];

export const KINDS: Readonly<Record<Kind, KindEntry>> = KIND_TABLE;

/** All of them, as the tables list them. */
export const KIND_NAMES = Object.keys(KIND_TABLE) as Kind[];

/** How a divergence is filed: its columns `kind`, `cause` and `severity`. */
export interface Classified {
  kind: Kind;
  cause: Cause;
  severity: Severity;
}

/** Files a divergence under a kind and one of its causes, with their severity. */
export function classified<Some extends Kind>(kind: Some, cause: CauseOf<Some>): Classified {
  return { kind, cause, severity: severityOf(kind, cause) };
}

/** How much a divergence matters unless there is more to know of it. */
export function severityOf(kind: Kind, cause: Cause): Severity {
  return KINDS[kind].severity ?? CAUSES[cause].severity;
}

/** The kinds and causes of which somebody has something to do: a divergence with one of each. */
export const TO_DO: { kinds: readonly Kind[]; causes: readonly Cause[] } = {
  // What is right, or heals by itself, is info by its kind, whatever led to it.
  kinds: KIND_NAMES.filter((kind) => KINDS[kind].severity !== 'info'),
  causes: CAUSE_NAMES.filter((cause) => CAUSES[cause].needsPerson),
};
