/** Where what is known of the follow-ups of a part lies. */
import { joinLocation } from '../../storage';
import type { PartFolder } from '../part-folder';

export interface FollowUpFiles {
  folder: string;
  /** JSONL: what each follow-up is started with, in the order of the input. */
  list: string;
  /** JSONL, of slices only: a `FollowUpInput` for each of their results. */
  results: string;
  /** Written when the list is there: of what it was made, and how it is cut. */
  record: string;
  /** Folder of the files of ends. */
  ends: string;
}

export function followUpFiles({ folder: part }: Pick<PartFolder, 'folder'>): FollowUpFiles {
  const folder = joinLocation(part, 'follow-ups');
  return {
    folder,
    list: joinLocation(folder, 'list.jsonl'),
    results: joinLocation(folder, 'results.jsonl'),
    record: joinLocation(folder, 'list.json'),
    ends: joinLocation(folder, 'ends'),
  };
}
