import type { Connection } from 'pg';

/** What a server says of a statement that it has prepared and not run. */
export interface Described {
  /** Types of the parameters, as OIDs. */
  parameters: number[];
  /** Of a row, in order; none where it answers no rows. */
  columns: string[];
}

/**
 * Prepares a statement without running it, for `client.query`: pg hands its connection to whatever has
 * a `submit`.
 *
 * Source: PostgreSQL manual, 54.2.3 "Extended Query"; pg-cursor, which does the same.
 */
export class DescribeStatement {
  readonly described: Promise<Described>;
  readonly #found: Described = { parameters: [], columns: [] };
  #resolve!: (described: Described) => void;
  #reject!: (error: unknown) => void;

  constructor(private readonly text: string) {
    this.described = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    wire.once('parameterDescription', ({ dataTypeIDs }) => {
      this.#found.parameters = dataTypeIDs;
    });
    wire.parse({ name: '', text: this.text, types: [] });
    wire.describe({ type: 'S', name: '' });
    wire.sync();
  }

  handleRowDescription({ fields }: { fields: { name: string }[] }): void {
    this.#found.columns = fields.map(({ name }) => name);
  }

  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#found);
  }
}

interface Wire {
  once(event: 'parameterDescription', listener: (told: { dataTypeIDs: number[] }) => void): void;
  parse(statement: { name: string; text: string; types: number[] }): void;
  describe(what: { type: 'S'; name: string }): void;
  sync(): void;
}
