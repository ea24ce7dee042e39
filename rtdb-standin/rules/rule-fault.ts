import { ast, type RulesAst } from 'firebase-json';
import { isRecord } from '../data/json';

type Compile = (rules: unknown) => unknown;

/** One rule of a definition: `.read`, `.write`, `.validate` or `.indexOn`, and where it stands. */
interface Rule {
  readonly path: readonly string[];
  readonly value: unknown;
}

function* rulesOf(definition: unknown, path: readonly string[] = []): Generator<Rule> {
  if (isRecord(definition)) {
    for (const [key, value] of Object.entries(definition)) {
      if (key.startsWith('.')) {
        yield { path: [...path, key], value };
      } else {
        yield* rulesOf(value, [...path, key]);
      }
    }
  }
}

const alone = ({ path, value }: Rule): unknown =>
  path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);

function reasonOf(compile: Compile, rules: unknown): string | null {
  try {
    compile(rules);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The expression's own line, which is always its first.
    return message.replace(/^Line \d+: /, '');
  }
}

function lineOf(source: string, path: readonly string[]): number | null {
  let node: RulesAst | undefined = ast(source).expression;
  let line: number | null = null;
  for (const key of ['rules', ...path]) {
    const property: RulesAst | undefined = node?.properties?.find(
      (candidate) => candidate.key?.value === key,
    );
    line = property?.loc.start.line ?? line;
    node = property?.value as RulesAst | undefined;
  }
  return line;
}

/** What is wrong with rules that don't compile: the first that fails alone, with its line. */
export function ruleFault(source: string, definition: unknown, compile: Compile): string {
  for (const rule of rulesOf(definition)) {
    const reason = reasonOf(compile, alone(rule));
    if (reason !== null) {
      return `Line ${lineOf(source, rule.path)}: ${rule.path.join('/')}: ${reason}`;
    }
  }
  return reasonOf(compile, definition) ?? 'the rules do not compile';
}
