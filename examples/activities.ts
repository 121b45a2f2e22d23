/** An activity of yours that makes requests. The workflow gets a reference to them: they never stand in its history. */
import type { DataReference } from 'temporal-message-batches';
import { writeRequests } from 'temporal-message-batches/worker';
import { questions } from './questions';

export function createActivities(folder: string) {
  return {
    /** Tried again, it gives the same reference: the file is named by its content. */
    makeRequests: (factors: number[]): Promise<DataReference> => writeRequests(questions(factors), { folder }),
  };
}
