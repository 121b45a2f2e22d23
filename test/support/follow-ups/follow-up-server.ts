/** The Temporal server of a file whose tests run follow-ups in its own process. */
import { sharedTemporal } from '../shared-temporal';
import { quiet } from './worker';

/** Called once in a file. @param dynamicConfig settings of the server, `KEY=VALUE`. @returns where it is reached, once the tests run. */
export function followUpServer(dynamicConfig: readonly string[] = []): { readonly address: string } {
  const shared = sharedTemporal(dynamicConfig);
  let address: string;

  beforeAll(async () => {
    quiet();
    ({ address } = await shared.start());
  });

  afterAll(() => shared.stop());

  return {
    get address() {
      return address;
    },
  };
}
