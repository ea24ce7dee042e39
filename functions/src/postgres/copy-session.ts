import { Client, type ClientConfig, type Connection, type Submittable } from 'pg';
import type { Statements } from './statements';

/** Rows that may wait: with so many Postgres has to wait too, until they are being taken. */
const MANY = 2_000;

/** A part of pg's connection that its types leave out. */
type Source = Connection & { query(text: string): void; sendCopyFail(message: string): void };

/**
 * The rows of one `COPY … TO STDOUT`, as they come: few are held, since the connection is paused while
 * nobody takes them. pg hands over each row alone ("one message for each row", PostgreSQL manual,
 * "Message Formats", CopyData) in a buffer that it uses again, so a row is read at once.
 *
 * Why not a cursor: it waits a round trip for each batch (DESIGN 15: 7.6 s instead of 3.0 s a million
 * rows at 20 ms). Why not pg-copy-streams: it joins the rows to chunks that have to be split again.
 */
export class CopyRows<Row> implements Submittable {
  /** Being taken, and come since. */
  #rows: Row[] = [];
  #taken = 0;
  #arrived: Row[] = [];
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #source: Source | null = null;
  #isPaused = false;

  constructor(
    private readonly text: string,
    private readonly read: (line: string) => Row,
  ) {}

  /** The next row; null = there are no more; undefined = not here yet, wait for `arrival`. */
  peek(): Row | null | undefined {
    if (this.#taken === this.#rows.length) this.#turn();
    if (this.#taken < this.#rows.length) return this.#rows[this.#taken];
    return this.#ended && this.#failure === null ? null : undefined;
  }

  /** To be called once `peek` gave a row: that one is done with. */
  take(): void {
    this.#taken += 1;
  }

  /** Waits until there are rows, or none will come. Rejects with pg's error. */
  async arrival(): Promise<void> {
    while (this.peek() === undefined) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #turn(): void {
    this.#rows = this.#arrived;
    this.#taken = 0;
    this.#arrived = [];
    if (this.#isPaused) this.#pause(false);
  }

  // What follows is called by pg.

  submit(connection: Connection): void {
    this.#source = connection as Source;
    this.#source.query(this.text);
  }

  handleCopyData(message: { chunk: Buffer }): void {
    if (this.#failure !== null) return;
    const { chunk } = message;
    const size = chunk.at(-1) === 0x0a ? chunk.length - 1 : chunk.length;
    try {
      this.#arrived.push(this.read(chunk.toString('utf8', 0, size)));
    } catch (error) {
      this.#end(error as Error);
    }
    if (this.#arrived.length >= MANY && !this.#isPaused) this.#pause(true);
    this.#woken();
  }

  handleError(error: Error): void {
    this.#end(error);
  }

  handleReadyForQuery(): void {
    this.#end(null);
  }

  handleCommandComplete(): void {}
  handleCopyInResponse(): void {}

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#source?.stream.pause();
    else this.#source?.stream.resume();
  }

  #end(failure: Error | null): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#woken();
  }

  #woken(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

/** What a row's text depends on is the session's own, not the server's. */
const BEGIN = `
begin transaction isolation level repeatable read, read only;
set local datestyle = 'ISO, YMD';
set local timezone = 'UTC';
set local statement_timeout = 0
`;

/** One connection that reads tables by COPY, all as of its first statement. */
export class CopySession implements Statements {
  private constructor(private readonly client: Client) {}

  /** Rejects as pg does. */
  static async open(config: ClientConfig): Promise<CopySession> {
    // A table takes longer than any statement of an event may.
    const client = new Client({ ...config, query_timeout: 0 });
    // The reader of the rows gets the error; without a listener it would end the process.
    client.on('error', () => {});
    await client.connect();
    await client.query(BEGIN);
    return new CopySession(client);
  }

  async run(text: string, values: unknown[]): Promise<unknown[]> {
    return (await this.client.query(text, values)).rows;
  }

  /**
   * Sends a `COPY … TO STDOUT`, after those before it; its rows come as they are taken.
   *
   * @param read makes a row of a line, without its line feed; what it throws ends the rows
   */
  copy<Row>(text: string, read: (line: string) => Row): CopyRows<Row> {
    return this.client.query(new CopyRows(text, read));
  }

  /** Ends the connection, whatever is under way. */
  close(): Promise<void> {
    return this.client.end();
  }
}
