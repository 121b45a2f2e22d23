/** What one call for results was sent. */
export interface SentResults {
  batchId: string;
  /** Which byte of the results it began with. */
  offset: number;
  /** How many bytes of body were handed to the connection, as they went over the wire. */
  bytes: number;
  /** False once the call is over, however it ended. */
  open: boolean;
}

/** Counts a body while it is sent. */
export async function* counted(body: AsyncIterable<Buffer>, sent: SentResults): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of body) {
    sent.bytes += chunk.length;
    yield chunk;
  }
}
