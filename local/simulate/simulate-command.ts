import type { RegisterCommand } from '../../functions/src/cli/main';
import { wholeNumber } from '../../functions/src/cli/options';
import { UsageError } from '../../functions/src/errors/mirror-error';
import { FAULTS, type Fault } from './faults';
import type { SimulateOptions } from './run-simulate';

type SimulateArguments = Omit<SimulateOptions, 'faults'> & {
  faults?: Fault[];
  outageDrain?: true;
};

/** `mirror simulate`: a day of many couples on the local stack, with faults, and what it left. */
export const registerSimulate: RegisterCommand = (program, context) => {
  program
    .command('simulate')
    .description('play a day of N couples on a local mirror, with faults, and reconcile')
    .option('--couples <n>', 'how many (default: 100)', wholeNumber('--couples', 1, 100_000))
    .option('--seed <n>', 'the same day again', wholeNumber('--seed', 0, 2 ** 31), 42)
    .option('--faults <list>', `comma-separated: ${FAULTS.join(', ')} (default: none)`, faultList)
    .option(
      '--rate <percent>',
      'share of events that a fault befalls (default: 5)',
      wholeNumber('--rate', 1, 100),
    )
    .option(
      '--day-seconds <n>',
      'how long the day takes (default: by its writes)',
      wholeNumber('--day-seconds', 1, 86_400),
    )
    .option('--instances <n>', 'function instances', wholeNumber('--instances', 1, 20), 2)
    .option('--each-fault', 'no fault, then each alone (default: 20 couples, rate 20)')
    .option('--outage-drain', 'only reckon how a backlog drains after Postgres was away')
    .option('--database-url-env <name>', 'environment variable with the URL of an EMPTY database')
    .option('--json', 'print one JSON object')
    .option('--keep', 'keep both stores until Ctrl-C')
    .action(async ({ outageDrain, faults = [], ...rest }: SimulateArguments) => {
      const options = { ...rest, faults };
      if (outageDrain) {
        const { formatOutages, playOutages } = await import('../outage/outage-table');
        const rows = playOutages(options.seed);
        context.writeOut(options.json ? `${JSON.stringify(rows)}\n` : formatOutages(rows));
        return;
      }
      // The local stack is more than all other verbs load together.
      const { runSimulate } = await import('./run-simulate');
      await runSimulate(options, context);
    });
};

function faultList(text: string): Fault[] {
  return text.split(',').map((name) => {
    const fault = FAULTS.find((known) => known === name.trim());
    if (fault) return fault;
    throw new UsageError(`--faults: ${name} is none of ${FAULTS.join(', ')}`);
  });
}
