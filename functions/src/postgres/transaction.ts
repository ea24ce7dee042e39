import { Client, type ClientConfig } from 'pg';
import { connectError } from './connect-error';
import { type Statements, statementsOn } from './statements';

/**
 * Runs statements as one transaction, on a connection of its own and without a limit on their time: for
 * people's verbs.
 *
 * @param keeps whether what `work` answered is to be committed; else all of it is undone
 * @throws ConnectError where Postgres can't be reached; else what `work` throws, and nothing is written
 */
export async function inTransaction<Answer>(
  config: ClientConfig,
  work: (statements: Statements) => Promise<Answer>,
  keeps: (answer: Answer) => boolean = () => true,
): Promise<Answer> {
  const client = new Client({ ...config, query_timeout: 0 });
  // The statement that needs the connection fails; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw connectError(error);
  }
  try {
    await client.query('begin');
    const answer = await work(statementsOn(client));
    await client.query(keeps(answer) ? 'commit' : 'rollback');
    return answer;
  } finally {
    // Ends a transaction that is open, too.
    await client.end();
  }
}
