import { MessageBatchesPlugin } from '../../src/worker';

const plugin = new MessageBatchesPlugin({ storage: '/nowhere', api: {} });
const OWN = require.resolve('../../src/workflows/failure-converter');

it('brings its failure converter where a worker has none, beside the payload converter and codecs that it has', () => {
  const theirs = { payloadConverterPath: '/their/payload-converter.js', payloadCodecs: [] };
  expect(plugin.configureWorker({ taskQueue: 'q' }).dataConverter).toEqual({ failureConverterPath: OWN });
  expect(plugin.configureWorker({ taskQueue: 'q', dataConverter: theirs }).dataConverter).toEqual({ ...theirs, failureConverterPath: OWN });
  expect(plugin.configureReplayWorker({ dataConverter: theirs }).dataConverter).toEqual({ ...theirs, failureConverterPath: OWN });
  expect(plugin.configureBundler({ workflowsPath: '/their/workflows.js' })).toMatchObject({ workflowsPath: '/their/workflows.js', failureConverterPath: OWN });
});

it('leaves the one that a worker has', () => {
  const theirs = { failureConverterPath: '/their/failure-converter.js' };
  expect(plugin.configureWorker({ taskQueue: 'q', dataConverter: theirs }).dataConverter).toEqual(theirs);
  expect(plugin.configureReplayWorker({ dataConverter: theirs }).dataConverter).toEqual(theirs);
  expect(plugin.configureBundler({ workflowsPath: '/their/workflows.js', ...theirs })).toMatchObject(theirs);
});
