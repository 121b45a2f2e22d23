import { HashTable } from '../reuse/hash-table';
import { readRequestsIndex } from '../reuse/requests-index';
import { hashOfRequest } from '../request-hash';
import { isLineProblem, parseRequestLine } from '../request-line';

/**
 * Holds the lines of the lists of requests against requests.index, where it is there: whoever sends them again must send what the job
 * was made of. About 22 bytes a request of the job, and only where a list has a line.
 */
export class ListedRequests {
  private table: HashTable | undefined;
  private opened = false;

  /**
   * @param indexPath of requests.index.
   * @param requests of the job.
   */
  constructor(
    private readonly indexPath: string,
    private readonly requests: number,
  ) {}

  /** A list has lines, and there is no index of this job to hold them against. */
  get unchecked(): boolean {
    return this.opened && !this.table;
  }

  /** @param line of a list, without its line feed. @returns false where its custom_id and params are of no request of the job. */
  async isOfJob(line: Buffer): Promise<boolean> {
    if (!this.opened) {
      this.opened = true;
      const hashes = await readRequestsIndex(this.indexPath, this.requests);
      this.table = hashes && new HashTable(hashes);
    }
    if (!this.table) return true;
    // Which id would be made for it is all the same: the hash is of the line's own.
    const request = parseRequestLine(line, { makeId: () => '' });
    return !isLineProblem(request) && this.table.take(hashOfRequest(request)) !== -1;
  }
}
