/** The faults that are still to come. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { checkFault } from './check-fault';
import type { Call, Fault } from './faults';
import { parse, stringify } from './json';

/** Kept in a file, so that they outlive the simulator. */
export class FaultList {
  private faults: Fault[];

  constructor(private readonly path: string) {
    this.faults = read(path);
  }

  /** @throws RangeError where the fault makes no sense. */
  add(fault: Fault): void {
    checkFault(fault);
    this.faults.push({ ...fault });
    this.write();
  }

  clear(): void {
    this.faults = [];
    this.write();
  }

  /** The fault that this call meets: of those that fit, the oldest whose turn it is. The others have let one more call pass. */
  take(call: Call, batchId: string | undefined): Fault | undefined {
    const fits = this.faults.filter((fault) => fault.on === call && (fault.batchId === undefined || fault.batchId === batchId));
    if (fits.length === 0) return undefined;
    let taken: Fault | undefined;
    for (const fault of fits) {
      if ((fault.after ?? 0) > 0) {
        fault.after!--;
      } else {
        taken = fault;
        fault.times = (fault.times ?? 1) - 1;
        break;
      }
    }
    this.faults = this.faults.filter((fault) => fault.times === undefined || fault.times > 0);
    this.write();
    return taken;
  }

  pending(): Fault[] {
    return this.faults.map((fault) => ({ ...fault }));
  }

  private write(): void {
    writeFileSync(`${this.path}.new`, stringify(this.faults));
    renameSync(`${this.path}.new`, this.path);
  }
}

function read(path: string): Fault[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return parse(text) as Fault[];
}
