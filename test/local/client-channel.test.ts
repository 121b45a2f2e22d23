import { channelArgs } from '../../src/local';

test.each(['127.0.0.1:7233', '127.8.0.1:1', 'localhost:7233', '[::1]:7233'])('%s is asked directly, whatever the proxy', (address) => {
  expect(channelArgs(address)).toEqual({ 'grpc.enable_http_proxy': 0 });
});

test.each(['temporal.example:7233', 'localhost.example:7233', '10.0.0.1:7233', '[2001:db8::1]:7233', ''])('%s is left to the settings of the proxy', (address) => {
  expect(channelArgs(address)).toEqual({});
});
