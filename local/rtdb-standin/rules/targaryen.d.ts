/** The part of targaryen 3.1 (no types of its own) that `ruleset.ts` calls. */
declare module 'targaryen/lib/database/ruleset.js' {
  export interface RulesResult {
    readonly allowed: boolean;
    readonly info: string;
  }

  export interface RulesDatabase {
    readonly auth: Readonly<Record<string, unknown>> | null;
    readonly timestamp: number;
    readonly debug: boolean;
    snapshot(path: string): object;
    walk(path: string, visit: (snapshot: object) => boolean): void;
  }

  export interface Ruleset {
    tryRead(
      path: string,
      database: RulesDatabase,
      options: { now: number; query?: Record<string, unknown> },
    ): RulesResult;
    tryWrite(
      path: string,
      before: RulesDatabase,
      after: RulesDatabase,
      newValue: unknown,
    ): RulesResult;
  }

  export function create(definition: unknown): Ruleset;
}
