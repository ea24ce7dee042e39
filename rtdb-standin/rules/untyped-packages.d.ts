declare module 'firebase-json' {
  /** Throws with line and column. */
  export function parse(rules: string): unknown;

  export interface RulesAst {
    readonly key?: { readonly value: unknown };
    readonly value?: unknown;
    readonly properties?: readonly RulesAst[];
    readonly loc: { readonly start: { readonly line: number } };
  }

  /** As ESTree has it. */
  export function ast(rules: string): { readonly expression: RulesAst };
}

/** The part of targaryen 3.1 (no types of its own) that `security-rules.ts` calls. */
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

  /** Rules of a location: `$wildchild`, `$name`, and the rules of children by their keys. */
  export interface RulesNode {
    readonly $name?: string;
    readonly $wildchild: RulesNode | null;
    readonly [key: string]: unknown;
  }

  export interface Ruleset {
    readonly root: RulesNode;
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
