/** Whatever runs one statement, as a transaction of its own. */
export interface Statements {
  /** The rows, not parsed. Rejects with pg's error, or a `ConnectError`. */
  run(text: string, values: unknown[]): Promise<unknown[]>;
}
